// The least that a load generator needs of the kernel: sockets on 127.0.0.1 and one epoll set. No Asio, so
// that the load costs as little as it can beside what it measures.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace surang::bench {

/// Whoever waits for a descriptor.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void ready(std::uint32_t events) = 0;
};

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  void add(int fd, std::uint32_t events, Watcher* watcher);
  void change(int fd, std::uint32_t events, Watcher* watcher);
  /// One round of events, at most `timeout_ms` of waiting (-1: for ever).
  void turn(int timeout_ms);

 private:
  int epoll_;
  std::vector<epoll_event> events_;
};

int listen_on_loopback(std::uint16_t port, std::uint16_t& bound);
/// A connect under way to 127.0.0.1; writable when it is through.
int connect_to_loopback(std::uint16_t port);
/// Sends without waiting; 0 when nothing fits, -1 when the connection is gone.
long send_some(int fd, std::span<const std::uint8_t> from);
/// Reads without waiting; -1 when the connection is gone or at its end, -2 when nothing is there.
long receive_some(int fd, std::span<std::uint8_t> into);
/// The same, throwing the bytes away inside the kernel.
long discard_some(int fd);

}  // namespace surang::bench
