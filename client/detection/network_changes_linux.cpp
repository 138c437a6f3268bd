// Multicast groups of rtnetlink(7). Neighbours are left out: they change all the time, and mostly say
// nothing.
#include "client/detection/network_changes.hpp"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>

namespace surang::client {

namespace asio = boost::asio;

namespace {

constexpr unsigned kGroups =
    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
// A flood must not hold up the connections; what is left is read at the next turn.
constexpr int kMostAtOnce = 256;

int open_socket() {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd < 0) return -1;
  sockaddr_nl local{};
  local.nl_family = AF_NETLINK;
  local.nl_groups = kGroups;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0) return fd;
  ::close(fd);
  return -1;
}

enum class Drained { nothing, news, broken };

// What the messages say does not matter, nor that some were lost (ENOBUFS).
Drained drain(int fd) {
  std::array<char, 256> block;
  auto found = Drained::nothing;
  for (int i = 0; i < kMostAtOnce; ++i) {
    const auto n = ::recv(fd, block.data(), block.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != ENOBUFS) return Drained::broken;
    found = Drained::news;
  }
  return found;
}

}  // namespace

struct NetworkChanges::State : std::enable_shared_from_this<State> {
  State(const asio::any_io_executor& executor, std::function<void()> call)
      : socket(executor), changed(std::move(call)) {
    if (const int fd = open_socket(); fd >= 0) socket.assign(fd);
  }

  void wait() {
    if (!socket.is_open()) return;
    socket.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](const boost::system::error_code& ec) { self->heard(ec); });
  }

  void heard(const boost::system::error_code& ec) {
    if (ec || !socket.is_open()) return;
    const auto found = drain(socket.native_handle());
    if (found == Drained::broken) {
      boost::system::error_code ignored;
      socket.close(ignored);
    }
    wait();
    if (found != Drained::nothing && changed) changed();
  }

  asio::posix::stream_descriptor socket;
  std::function<void()> changed;
};

NetworkChanges::NetworkChanges(asio::any_io_executor executor, std::function<void()> changed)
    : state_(std::make_shared<State>(std::move(executor), std::move(changed))) {
  state_->wait();
}

NetworkChanges::~NetworkChanges() {
  state_->changed = nullptr;
  boost::system::error_code ignored;
  state_->socket.close(ignored);
}

bool NetworkChanges::watching() const noexcept {
  return state_->socket.is_open();
}

}  // namespace surang::client
