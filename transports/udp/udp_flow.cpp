#include "transports/udp/udp_flow.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/udp/udp_socket.hpp"

namespace surang {
namespace {

using asio::ip::udp;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Addresses = std::vector<asio::ip::address>;

constexpr std::size_t kMostNames = 64;                 // known at a time
constexpr std::size_t kMostWaiting = 8;                // datagrams for one name
constexpr std::size_t kMostWaitingBytes = 128 * 1024;  // for all of them
constexpr auto kKnown = 60s, kUnknown = 5s;            // before a name is asked for again
constexpr auto kAskLimit = 5s;
constexpr auto kAdmitted = 1s;
constexpr auto kOpenAgain = 1s;
constexpr unsigned kMostPassedOver = 32;  // in a row, before others run

// A peer that was asked about a moment ago.
struct Admitted {
  asio::ip::address address;
  std::uint16_t port = 0;
  bool permitted = false;
  Clock::time_point until{};
};

struct Family {
  explicit Family(const asio::any_io_executor& executor) : socket(executor) {}
  udp::socket socket;
  bool ready = false;  // may have something to read
  Wakeup drained;
  Clock::time_point open_again{};
};

struct Waiting {
  std::uint16_t port;
  std::vector<std::uint8_t> payload;
};

struct Name {
  Addresses addresses;  // the one in use first; of the last answer that there was
  Clock::time_point until{}, last_use{};
  bool asked = false;
  std::vector<Waiting> waiting;  // for the first answer
};

// What the flow's tasks work with, and hold.
struct Core : std::enable_shared_from_this<Core> {
  Core(asio::any_io_executor e, std::shared_ptr<Resolver> r, AdmitAddresses a)
      : executor(std::move(e)), resolver(std::move(r)), admit(std::move(a)), tasks(executor) {}

  Family* family(bool v6) {
    auto& family = families[v6 ? 1 : 0];
    if (!family) family.emplace(executor);
    if (family->socket.is_open()) return &*family;
    const auto now = Clock::now();
    if (now < family->open_again) return nullptr;
    family->open_again = now + kOpenAgain;
    if (open_udp_socket(family->socket, {v6 ? udp::v6() : udp::v4(), 0})) return nullptr;
    tasks.spawn(watch(shared_from_this(), *family));
    return &*family;
  }

  bool permits(Admitted& last, const asio::ip::address& address, std::uint16_t port) {
    if (!admit) return true;
    const auto now = Clock::now();
    if (now >= last.until || last.address != address || last.port != port)
      last = {address, port, !admit({address}, port).empty(), now + kAdmitted};
    return last.permitted;
  }

  // False: not by that address.
  bool send_to(const asio::ip::address& address, std::uint16_t port, std::span<const std::uint8_t> payload) {
    if (!permits(sent_to, address, port)) return false;
    auto* const by = family(address.is_v6());
    if (!by) return false;
    error_code ec;
    by->socket.send_to(asio::buffer(payload.data(), payload.size()), {address, port}, 0, ec);
    return !ec || ec == asio::error::would_block || ec == asio::error::message_size ||
           ec == asio::error::connection_refused;  // of another peer, by ICMP
  }

  // By one address as long as that does, though others were named by now: who is spoken to must stay the
  // same.
  void send_to_any(Name& name, std::uint16_t port, std::span<const std::uint8_t> payload) {
    auto& all = name.addresses;
    const auto by =
        std::ranges::find_if(all, [&](const auto& address) { return send_to(address, port, payload); });
    if (by != all.end() && by != all.begin()) std::rotate(all.begin(), by, by + 1);
  }

  // Null: too many are being asked for.
  Name* name_of(const std::string& host) {
    if (const auto found = names.find(host); found != names.end()) return &found->second;
    if (names.size() >= kMostNames) {
      const auto idle = std::ranges::min_element(names, {}, [](const auto& entry) {
        return entry.second.asked ? Clock::time_point::max() : entry.second.last_use;
      });
      if (idle->second.asked) return nullptr;
      names.erase(idle);
    }
    return &names[host];
  }

  void send_by_name(const std::string& host, std::uint16_t port, std::span<const std::uint8_t> payload) {
    const auto now = Clock::now();
    auto* const name = name_of(host);
    if (!name) return;
    name->last_use = now;
    if (now >= name->until && !std::exchange(name->asked, true)) tasks.spawn(find(shared_from_this(), host));
    if (!name->addresses.empty()) return send_to_any(*name, port, payload);
    if (!name->asked || name->waiting.size() >= kMostWaiting ||
        waiting_bytes + payload.size() > kMostWaitingBytes)
      return;
    waiting_bytes += payload.size();
    name->waiting.push_back({port, {payload.begin(), payload.end()}});
  }

  static asio::awaitable<void> find(std::shared_ptr<Core> core, std::string host) {
    auto found = co_await with_timeout(kAskLimit, core->resolver->resolve(host));
    if (core->closed) co_return;
    auto& name = core->names[host];
    name.asked = false;
    name.until = Clock::now() + (found ? kKnown : kUnknown);
    if (found) core->take_answer(name, *found);
    for (const auto& [port, payload] : std::exchange(name.waiting, {})) {
      core->waiting_bytes -= payload.size();
      core->send_to_any(name, port, payload);
    }
  }

  // IPv4 first: nobody tells that a datagram got nowhere, and by IPv6 more do.
  static void take_answer(Name& name, const Addresses& found) {
    Addresses ordered;
    for (const bool v4 : {true, false})
      for (const auto& address : found)
        if (unmapped(address).is_v4() == v4) ordered.push_back(unmapped(address));
    if (!name.addresses.empty()) {
      const auto in_use = std::ranges::find(ordered, name.addresses.front());
      if (in_use != ordered.end()) std::rotate(ordered.begin(), in_use, in_use + 1);
    }
    name.addresses = std::move(ordered);
  }

  static asio::awaitable<void> watch(std::shared_ptr<Core> core, Family& family) {
    for (;;) {
      error_code ec;
      co_await family.socket.async_wait(udp::socket::wait_read,
                                        asio::redirect_error(asio::use_awaitable, ec));
      if (ec == asio::error::operation_aborted) co_return;
      family.ready = true;
      core->readable.notify();
      while (family.ready) co_await family.drained.wait(core->executor);
    }
  }

  bool ready() const {
    return closed ||
           std::ranges::any_of(families, [](const auto& family) { return family && family->ready; });
  }

  const asio::any_io_executor executor;
  const std::shared_ptr<Resolver> resolver;
  const AdmitAddresses admit;
  std::array<std::optional<Family>, 2> families;  // IPv4, IPv6
  unsigned turn = 0;                              // which of them is read next
  std::map<std::string, Name> names;
  std::size_t waiting_bytes = 0;
  Admitted sent_to, heard_from;
  Wakeup readable;
  bool closed = false;
  TaskGroup tasks;
};

class UdpFlow final : public DatagramFlow {
 public:
  UdpFlow(asio::any_io_executor executor, std::shared_ptr<Resolver> resolver, AdmitAddresses admit)
      : core_(std::make_shared<Core>(std::move(executor), std::move(resolver), std::move(admit))) {}
  ~UdpFlow() override { close(); }

  asio::any_io_executor executor() override { return core_->executor; }

  void send(const Endpoint& to, std::span<const std::uint8_t> payload) override {
    if (core_->closed || payload.size() > kMostPayload || to.port() == 0) return;
    if (to.address())
      core_->send_to(unmapped(*to.address()), to.port(), payload);
    else
      core_->send_by_name(to.host(), to.port(), payload);
  }

  Result<Received> try_receive(std::span<std::uint8_t> into) override {
    if (core_->closed) return make_error_code(Errc::closed);
    for (unsigned passed_over = 0; passed_over < kMostPassedOver && core_->ready(); ++passed_over) {
      auto& family = core_->families[++core_->turn % 2];
      if (!family || !family->ready) continue;
      udp::endpoint from;
      error_code ec;
      const auto n = family->socket.receive_from(asio::buffer(into.data(), into.size()), from, 0, ec);
      if (ec) {  // nothing is there, or it was some peer's ICMP
        family->ready = false;
        family->drained.notify();
      } else if (n <= kMostPayload && core_->permits(core_->heard_from, from.address(), from.port())) {
        return Received{Endpoint(from.address(), from.port()), n};
      }
    }
    return make_error_code(Errc::would_block);
  }

  asio::awaitable<void> wait_readable() override {
    const auto core = core_;
    if (core->ready()) co_await asio::post(core->executor, asio::use_awaitable);
    while (!core->ready()) co_await core->readable.wait(core->executor);
  }

  void close() noexcept override {
    if (std::exchange(core_->closed, true)) return;
    core_->tasks.cancel();
    for (auto& family : core_->families) {
      error_code ignored;
      if (family) family->socket.close(ignored);
    }
    core_->readable.notify();
  }

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace

DatagramFlowPtr make_udp_flow(asio::any_io_executor executor, std::shared_ptr<Resolver> resolver,
                              AdmitAddresses admit) {
  return std::make_unique<UdpFlow>(std::move(executor), std::move(resolver), std::move(admit));
}

}  // namespace surang
