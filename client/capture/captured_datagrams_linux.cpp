#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "client/capture/captured_datagrams.hpp"
#include "client/capture/own_addresses.hpp"
#include "client/capture/transparent.hpp"
#include "client/datagram_paths.hpp"
#include "transports/core/buffer.hpp"

namespace surang::client::capture {
namespace {

using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kDnsPort = 53;
constexpr unsigned kMostInARow = 64;  // datagrams, before others run
constexpr std::size_t kMostPrograms = 2048, kMostFaces = 1024;
constexpr std::chrono::seconds kProgramIdle{300};  // RFC 4787 4.3 recommends five minutes

Endpoint endpoint_in_words(const udp::endpoint& at) {
  return Endpoint(unmapped(at.address()), at.port());
}

}  // namespace

// One socket of a program, and what it talks to.
class CapturedDatagrams::Program {
 public:
  Program(CapturedDatagrams& of, udp::endpoint from)
      : tasks(of.executor_),
        paths(
            of.outbound_, tasks, of.executor_,
            [this, &of, from](const Endpoint& site, std::span<const std::uint8_t> payload) {
              last = Clock::now();
              if (site.address()) of.give(payload, {*site.address(), site.port()}, from);
            },
            is_own_address(from.address()).value_or(false) ? DatagramPaths::From::here
                                                           : DatagramPaths::From::guest),
        ended(of.executor_) {}

  /// For as long as anything is said.
  asio::awaitable<Result<void>> until_idle() {
    while (!over && Clock::now() - last < kProgramIdle) {
      ended.expires_at(last + kProgramIdle);
      error_code ignored;
      co_await ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error(asio::error::operation_aborted);
    }
    co_return Result<void>{};
  }
  void end() {
    over = true;
    ended.cancel();
  }

  TaskGroup tasks;
  DatagramPaths paths;
  asio::steady_timer ended;
  Clock::time_point last = Clock::now();
  bool over = false;
};

CapturedDatagrams::CapturedDatagrams(asio::any_io_executor executor, Outbound& outbound, FakeAddresses& names,
                                     DnsDesk& dns, TaskGroup& tasks)
    : executor_(std::move(executor)), outbound_(outbound), names_(names), dns_(dns), tasks_(tasks) {}

CapturedDatagrams::~CapturedDatagrams() = default;

asio::awaitable<void> CapturedDatagrams::run(std::shared_ptr<udp::socket> socket) {
  for (;;) {
    error_code ec;
    co_await socket->async_wait(udp::socket::wait_read, asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    ScratchBuffer block;
    for (unsigned i = 0; i < kMostInARow; ++i) {
      const std::span room(block.data(), ScratchBuffer::kSize);
      const auto got = receive_captured(*socket, room);
      if (!got && got.error() == Errc::would_block) break;
      if (got && got->size < room.size() && got->to.port() != 0)
        take(room.first(got->size), got->from, got->to);
    }
  }
}

void CapturedDatagrams::take(std::span<const std::uint8_t> payload, const udp::endpoint& from,
                             const udp::endpoint& to) {
  // Nothing captured is for loopback: somebody has found our port, and what is forwarded there comes back.
  if (unmapped(to.address()).is_loopback()) return;
  if (to.port() == kDnsPort) {
    const bool guest = !is_own_address(from.address()).value_or(false);
    if (!guest) dns_.note(to);
    if (asking_.may(from.address(), guest))
      tasks_.spawn(answer({payload.begin(), payload.end()}, from, {to, DnsDesk::By::udp, guest}));
    return;
  }
  const auto as = endpoint_in_words(to);
  const auto name = names_.name_at(*as.address());
  if (!name && FakeAddresses::in_range(*as.address())) return;
  auto& program = programs_[from];
  if (!program) {
    if (programs_.size() > kMostPrograms) {
      const auto quiet = std::ranges::min_element(programs_, {}, [](const auto& entry) {
        return entry.second && !entry.second->over ? entry.second->last : Clock::time_point::max();
      });
      if (quiet->second) quiet->second->end();
    }
    program = std::make_shared<Program>(*this, from);
    tasks_.spawn(live(program, from));
  }
  program->last = Clock::now();
  if (name)
    program->paths.forward_as(as, Endpoint(*name, as.port()), payload);
  else
    program->paths.forward(as, payload);
}

asio::awaitable<void> CapturedDatagrams::live(std::shared_ptr<Program> program, udp::endpoint from) {
  struct Forget {
    CapturedDatagrams& of;
    const std::shared_ptr<Program>& program;
    const udp::endpoint& from;
    ~Forget() {
      const auto found = of.programs_.find(from);
      if (found != of.programs_.end() && found->second == program) of.programs_.erase(found);
    }
  };
  const Forget forget{*this, program, from};
  auto idle = program->until_idle();
  (void)co_await program->tasks.end_with(std::move(idle));
}

asio::awaitable<void> CapturedDatagrams::answer(std::vector<std::uint8_t> query, udp::endpoint from,
                                                DnsDesk::Asked asked) {
  const Asking::One one(asking_, from.address());
  const auto reply = co_await dns_.answer(std::move(query), asked);
  if (!reply.empty()) give(reply, asked.server, from);
}

void CapturedDatagrams::give(std::span<const std::uint8_t> payload, const udp::endpoint& from,
                             const udp::endpoint& to) {
  if (from.address().is_v6() != to.address().is_v6()) return;
  auto found = faces_.find(from);
  if (found == faces_.end()) {
    if (faces_.size() >= kMostFaces)
      faces_.erase(
          std::ranges::min_element(faces_, {}, [](const auto& entry) { return entry.second.last_use; }));
    auto socket = std::make_unique<udp::socket>(executor_);
    if (open_as(*socket, from)) return;
    found = faces_.emplace(from, Face{std::move(socket), {}}).first;
  }
  found->second.last_use = Clock::now();
  error_code lost;
  found->second.socket->send_to(asio::buffer(payload.data(), payload.size()), to, 0, lost);
}

}  // namespace surang::client::capture
