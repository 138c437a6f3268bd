// The site at the far end of the load. The first byte of a connection says what it is: D sends without end, U
// takes without end, E sends everything back. An HTTP CONNECT before it is granted and then ignored, so that
// a chain of HTTP proxies may end here. Prints its port, ends with its standard input.
//   bench_server [ADDRESS [CONGESTION_CONTROL]]
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/loop.hpp"

namespace surang::bench {
namespace {

constexpr char kSend = 1, kTake = 2, kEcho = 3;

std::vector<std::uint8_t>& block() {
  static std::vector<std::uint8_t> bytes(256 * 1024, 0x5a);
  return bytes;
}

class Visitor final : public Watcher {
 public:
  Visitor(Loop& loop, int fd) : loop_(loop), fd_(fd) { loop_.add(fd, EPOLLIN, this); }
  ~Visitor() override { ::close(fd_); }

  void ready(std::uint32_t) override {
    if (!serve()) delete this;
  }

 private:
  bool serve() {
    if (wish_ == kSend) return send_some(fd_, block()) >= 0;
    if (wish_ == kTake) return discard_some(fd_) != -1;
    std::array<std::uint8_t, 16384> bytes;
    const auto n = receive_some(fd_, bytes);
    if (n < 0) return n == -2;
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(n));
    if (wish_ == kEcho) return echo(text);
    head_ += text;
    if (head_[0] == 'C') {
      const auto end = head_.find("\r\n\r\n");
      if (end == head_.npos) return head_.size() < 16384;
      head_.erase(0, end + 4);
      if (!echo("HTTP/1.1 200 OK\r\n\r\n")) return false;
    }
    if (head_.empty()) return true;
    wish_ = head_[0];
    const auto rest = head_.substr(1);
    head_ = std::string();
    if (wish_ == kSend) loop_.change(fd_, EPOLLOUT, this);
    return rest.empty() || wish_ != kEcho || echo(rest);
  }

  bool echo(std::string_view text) {
    return send_some(fd_, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}) ==
           static_cast<long>(text.size());
  }

  Loop& loop_;
  int fd_;
  char wish_ = 0;
  std::string head_;
};

class Door final : public Watcher {
 public:
  Door(Loop& loop, int fd) : loop_(loop), fd_(fd) { loop_.add(fd, EPOLLIN, this); }
  void ready(std::uint32_t) override {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      new Visitor(loop_, fd);
    }
  }

 private:
  Loop& loop_;
  int fd_;
};

class EndOfInput final : public Watcher {
 public:
  void ready(std::uint32_t) override {
    char byte;
    if (::read(0, &byte, 1) <= 0) std::exit(0);
  }
};

}  // namespace
}  // namespace surang::bench

int main(int argc, char** argv) {
  using namespace surang::bench;
  const auto address = argc > 1 ? parse_address(argv[1]) : kLoopback;
  if (!address) return 64;
  Loop loop;
  std::uint16_t port = 0;
  Door door(loop, listen_on(*address, argc > 2 ? argv[2] : "", port));
  EndOfInput end;
  loop.add(0, EPOLLIN, &end);
  std::printf("%u\n", static_cast<unsigned>(port));
  std::fflush(stdout);
  for (;;) loop.turn(-1);
}
