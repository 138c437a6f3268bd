// The least that a load generator needs of the kernel: sockets and one epoll set. No Asio, so that the load
// costs as little as it can beside what it measures. Addresses are IPv4, in host byte order.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
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

constexpr std::uint32_t kLoopback = 0x7f000001;
/// Nothing when it is none.
std::optional<std::uint32_t> parse_address(const std::string& text);

/// `congestion`: the kernel's name of the algorithm that accepted connections send by; empty for its usual
/// one.
int listen_on(std::uint32_t address, const std::string& congestion, std::uint16_t& bound);
/// A connect under way; writable when it is through.
int connect_to(std::uint32_t address, std::uint16_t port);
/// Sends without waiting; 0 when nothing fits, -1 when the connection is gone.
long send_some(int fd, std::span<const std::uint8_t> from);
/// Reads without waiting; -1 when the connection is gone or at its end, -2 when nothing is there.
long receive_some(int fd, std::span<std::uint8_t> into);
/// The same, throwing the bytes away inside the kernel.
long discard_some(int fd);

}  // namespace surang::bench
