#include "tests/bench/loop.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace surang::bench {
namespace {

int check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

sockaddr_in endpoint(std::uint32_t ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(ip);
  return address;
}

int new_socket() {
  const int fd = check(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

Loop::Loop() : epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll")), events_(512) {}

Loop::~Loop() {
  ::close(epoll_);
}

void Loop::add(int fd, std::uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll add");
}

void Loop::change(int fd, std::uint32_t events, Watcher* watcher) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = watcher;
  check(::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd, &event), "epoll change");
}

void Loop::turn(int timeout_ms) {
  const int n = ::epoll_wait(epoll_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
  for (int i = 0; i < n; ++i) static_cast<Watcher*>(events_[i].data.ptr)->ready(events_[i].events);
}

std::optional<std::uint32_t> parse_address(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return {};
  return ntohl(address.s_addr);
}

int listen_on(std::uint32_t ip, const std::string& congestion, std::uint16_t& bound) {
  const int fd = new_socket();
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!congestion.empty())
    check(::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion.data(),
                       static_cast<socklen_t>(congestion.size())),
          congestion.c_str());
  auto address = endpoint(ip, 0);
  check(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  check(::listen(fd, 4096), "listen");
  socklen_t size = sizeof address;
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  bound = ntohs(address.sin_port);
  return fd;
}

int connect_to(std::uint32_t ip, std::uint16_t port) {
  const int fd = new_socket();
  const auto address = endpoint(ip, port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0 && errno != EINPROGRESS)
    check(-1, "connect");
  return fd;
}

long send_some(int fd, std::span<const std::uint8_t> from) {
  const auto n = ::send(fd, from.data(), from.size(), MSG_NOSIGNAL);
  if (n >= 0) return n;
  return errno == EAGAIN || errno == EINTR ? 0 : -1;
}

long receive_some(int fd, std::span<std::uint8_t> into) {
  const auto n = ::recv(fd, into.data(), into.size(), 0);
  if (n > 0) return n;
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? -2 : -1;
}

long discard_some(int fd) {
  const auto n = ::recv(fd, nullptr, 1 << 20, MSG_TRUNC);
  if (n > 0) return n;
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? -2 : -1;
}

}  // namespace surang::bench
