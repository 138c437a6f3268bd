#include "transports/udp/udp_flow.hpp"

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <map>
#include <optional>
#include <utility>

#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"

namespace surang {
namespace {

using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostNames = 64;   // known at a time
constexpr std::size_t kMostWaiting = 8;  // datagrams for one name
constexpr std::chrono::seconds kKnown{60};
constexpr int kSocketBuffer = 1 << 20;  // bytes, where the system lets it

// Peers of one kind that were looked at last, so that a busy flow does not ask again and again.
struct Admitted {
  asio::ip::address address;
  std::uint16_t port = 0;
  bool permitted = false;
};

struct Family {
  explicit Family(const asio::any_io_executor& executor) : socket(executor) {}
  udp::socket socket;
  bool ready = false;  // may have something to read
  Wakeup drained;
};

struct Name {
  std::vector<asio::ip::address> addresses;
  Clock::time_point until{};  // they hold
  bool asked = false;
  std::vector<std::pair<std::uint16_t, std::vector<std::uint8_t>>> waiting;  // by port
};

// What the flow's tasks work with, and hold.
struct Core : std::enable_shared_from_this<Core> {
  Core(asio::any_io_executor e, std::shared_ptr<Resolver> r, AdmitAddresses a)
      : executor(std::move(e)), resolver(std::move(r)), admit(std::move(a)), tasks(executor) {}

  Family* family(bool v6) {
    auto& family = families[v6 ? 1 : 0];
    if (family) return family->socket.is_open() ? &*family : nullptr;
    family.emplace(executor);
    auto& socket = family->socket;
    error_code ec, ignored;
    socket.open(v6 ? udp::v6() : udp::v4(), ec);
    if (!ec && v6) socket.set_option(asio::ip::v6_only(true), ec);
    if (!ec) socket.bind({v6 ? udp::v6() : udp::v4(), 0}, ec);
    if (!ec) socket.non_blocking(true, ec);
    if (ec) socket.close(ignored);
    if (ec) return nullptr;
    socket.set_option(asio::socket_base::receive_buffer_size(kSocketBuffer), ignored);
    socket.set_option(asio::socket_base::send_buffer_size(kSocketBuffer), ignored);
    tasks.spawn(watch(shared_from_this(), *family));
    return &*family;
  }

  bool permits(Admitted& last, const asio::ip::address& address, std::uint16_t port) {
    if (!admit) return true;
    if (last.address != address || last.port != port) last = {address, port, !admit({address}, port).empty()};
    return last.permitted;
  }

  // False: not by that address.
  bool send_to(const asio::ip::address& address, std::uint16_t port, std::span<const std::uint8_t> payload) {
    auto* const by = family(address.is_v6());
    if (!by) return false;
    error_code ec;
    by->socket.send_to(asio::buffer(payload.data(), payload.size()), {address, port}, 0, ec);
    return !ec || ec == asio::error::would_block || ec == asio::error::message_size ||
           ec == asio::error::connection_refused;  // of another peer, by ICMP
  }

  void send_to_any(const std::vector<asio::ip::address>& addresses, std::uint16_t port,
                   std::span<const std::uint8_t> payload) {
    const auto permitted = admit ? admit(addresses, port) : addresses;
    for (const auto& address : permitted)
      if (send_to(address, port, payload)) return;
  }

  void send_by_name(const std::string& host, std::uint16_t port, std::span<const std::uint8_t> payload) {
    const auto now = Clock::now();
    if (!names.contains(host) && names.size() >= kMostNames)
      std::erase_if(names,
                    [now](const auto& entry) { return !entry.second.asked && entry.second.until <= now; });
    if (!names.contains(host) && names.size() >= kMostNames) return;
    auto& name = names[host];
    if (now < name.until) return send_to_any(name.addresses, port, payload);
    if (name.waiting.size() < kMostWaiting)
      name.waiting.emplace_back(port, std::vector<std::uint8_t>(payload.begin(), payload.end()));
    if (!std::exchange(name.asked, true)) tasks.spawn(find(shared_from_this(), host));
  }

  static asio::awaitable<void> find(std::shared_ptr<Core> core, std::string host) {
    auto found = co_await core->resolver->resolve(host);
    auto& name = core->names[host];
    name.asked = false;
    name.until = Clock::now() + kKnown;
    name.addresses = found ? std::move(*found) : std::vector<asio::ip::address>();
    if (!found) name.until = {};  // asked again by the next one
    for (auto& address : name.addresses) address = unmapped(address);
    for (const auto& [port, payload] : std::exchange(name.waiting, {}))
      core->send_to_any(name.addresses, port, payload);
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

  const asio::any_io_executor executor;
  const std::shared_ptr<Resolver> resolver;
  const AdmitAddresses admit;
  std::array<std::optional<Family>, 2> families;  // IPv4, IPv6
  std::map<std::string, Name> names;
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
    if (!to.address()) return core_->send_by_name(to.host(), to.port(), payload);
    const auto address = unmapped(*to.address());
    if (core_->permits(core_->sent_to, address, to.port())) core_->send_to(address, to.port(), payload);
  }

  Result<Received> try_receive(std::span<std::uint8_t> into) override {
    if (core_->closed) return make_error_code(Errc::closed);
    for (auto& family : core_->families) {
      while (family && family->ready) {
        udp::endpoint from;
        error_code ec;
        const auto n = family->socket.receive_from(asio::buffer(into.data(), into.size()), from, 0, ec);
        if (ec) {  // nothing is there, or it was some peer's ICMP
          family->ready = false;
          family->drained.notify();
        }
        if (ec || n > kMostPayload || !core_->permits(core_->heard_from, from.address(), from.port()))
          continue;
        return Received{Endpoint(from.address(), from.port()), n};
      }
    }
    return make_error_code(Errc::would_block);
  }

  asio::awaitable<void> wait_readable() override {
    const auto core = core_;
    const auto ready = [&core] {
      for (const auto& family : core->families)
        if (family && family->ready) return true;
      return core->closed;
    };
    while (!ready()) co_await core->readable.wait(core->executor);
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
