// The browser's end of the load: opens connections through a peer and measures them. One JSON line on stdout.
//   bench_load WHAT --via direct|socks5|connect --port P --target T [--user U] [--streams N] [--seconds S]
//              [--warm-up S] [--address A]
// WHAT: down, up (bytes through N streams for S seconds, after 0.3 s of warming up), ping (N connections at a
// time, each one byte there and back, then closed), once (one such connection, counted from its beginning),
// hold (N open connections until standard input ends). --port: the peer's, --target: the site's, for peers
// that are told it;
// --address: where both are, if not on 127.0.0.1 (a proxy is there all the same).
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/loop.hpp"

namespace surang::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kSend = 1, kTake = 2, kEcho = 3;  // as bench_server knows them

enum class Answer { two_bytes, socks_reply, http_head };

struct Step {
  std::string say;
  Answer answer;
};

struct Plan {
  char wish = kSend;
  bool keep = false, once = false;
  std::uint32_t address = kLoopback;
  std::uint16_t port = 0;
  std::vector<Step> steps;
};

struct Tally {
  std::uint64_t bytes = 0;
  std::uint64_t done = 0, failed = 0;
  std::vector<double> first_byte_us;
};

bool complete(Answer answer, const std::string& got) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(got[i]); };
  switch (answer) {
    case Answer::two_bytes:
      return got.size() >= 2;
    case Answer::socks_reply:
      if (got.size() < 5) return false;
      return got.size() >= (at(3) == 1 ? 10U : at(3) == 4 ? 22U : 7U + at(4));
    case Answer::http_head:
      return got.find("\r\n\r\n") != got.npos;
  }
  return false;
}

bool good(Answer answer, const std::string& got) {
  return answer == Answer::http_head     ? got.starts_with("HTTP/1.1 200")
         : answer == Answer::socks_reply ? got[1] == 0
                                         : (got[1] == 0 || got[1] == 2);
}

class Visit final : public Watcher {
 public:
  Visit(Loop& loop, const Plan& plan, Tally& tally) : loop_(loop), plan_(plan), tally_(tally) { open(); }
  ~Visit() override { shut(); }

  bool idle() const { return fd_ < 0; }

  void ready(std::uint32_t) override {
    if (!go_on()) {
      ++tally_.failed;
      shut();
      if (plan_.wish == kEcho && !plan_.keep && !plan_.once) open();
    }
  }

 private:
  void open() {
    started_ = Clock::now();
    step_ = 0;
    flowing_ = false;
    got_.clear();
    fd_ = connect_to(plan_.address, plan_.port);
    say_ = plan_.steps.empty() ? wish() : plan_.steps[0].say;
    if (plan_.steps.empty()) flowing_ = true;
    loop_.add(fd_, EPOLLOUT, this);
  }
  void shut() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  std::string wish() const {
    return plan_.wish == kEcho ? std::string{kEcho, 'x'} : std::string(1, plan_.wish);
  }

  bool go_on() {
    if (!say_.empty()) {
      const auto n = send_some(fd_, {reinterpret_cast<const std::uint8_t*>(say_.data()), say_.size()});
      if (n < 0) return false;
      say_.erase(0, static_cast<std::size_t>(n));
      if (say_.empty()) loop_.change(fd_, flowing_ && plan_.wish == kTake ? EPOLLOUT : EPOLLIN, this);
      return true;
    }
    return flowing_ ? flow() : shake_hands();
  }

  bool shake_hands() {
    std::array<std::uint8_t, 1024> bytes;
    const auto n = receive_some(fd_, bytes);
    if (n < 0) return n == -2;
    got_.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(n));
    const auto answer = plan_.steps[step_].answer;
    if (!complete(answer, got_)) return true;
    if (!good(answer, got_)) return false;
    got_.clear();
    flowing_ = ++step_ == plan_.steps.size();
    say_ = flowing_ ? wish() : plan_.steps[step_].say;
    return go_on();
  }

  bool flow() {
    if (plan_.wish == kSend) {
      const auto n = discard_some(fd_);
      if (n > 0) tally_.bytes += static_cast<std::uint64_t>(n);
      return n != -1;
    }
    if (plan_.wish == kTake) {
      static const std::vector<std::uint8_t> block(256 * 1024, 0xa5);
      const auto n = send_some(fd_, block);
      if (n > 0) tally_.bytes += static_cast<std::uint64_t>(n);
      return n >= 0;
    }
    std::array<std::uint8_t, 16> bytes;
    const auto n = receive_some(fd_, bytes);
    if (n < 0) return n == -2;
    ++tally_.done;
    tally_.first_byte_us.push_back(
        std::chrono::duration<double, std::micro>(Clock::now() - started_).count());
    if (plan_.keep) return true;
    shut();
    if (!plan_.once) open();
    return true;
  }

  Loop& loop_;
  const Plan& plan_;
  Tally& tally_;
  int fd_ = -1;
  Clock::time_point started_;
  std::size_t step_ = 0;
  bool flowing_ = false;
  std::string say_, got_;
};

struct Site {
  std::uint32_t address = kLoopback;
  std::uint16_t port = 0;
};

std::string socks_request(const Site& site) {
  std::string out{"\x05\x01\x00\x01", 4};
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(site.address >> shift);
  const auto target = site.port;
  out += static_cast<char>(target >> 8);
  out += static_cast<char>(target & 0xff);
  return out;
}

std::vector<Step> steps_for(const std::string& via, const Site& site, const std::string& user) {
  if (via == "direct") return {};
  if (via == "connect") {
    std::string host;
    for (int shift = 24; shift >= 0; shift -= 8)
      host += std::to_string(site.address >> shift & 0xff) + (shift ? "." : ":");
    host += std::to_string(site.port);
    return {{"CONNECT " + host + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n", Answer::http_head}};
  }
  if (user.empty())
    return {{std::string("\x05\x01\x00", 3), Answer::two_bytes}, {socks_request(site), Answer::socks_reply}};
  std::string login = "\x01";
  login += static_cast<char>(user.size());
  login += user + std::string("\x01\x00", 2);
  return {{std::string("\x05\x01\x02", 3), Answer::two_bytes},
          {login, Answer::two_bytes},
          {socks_request(site), Answer::socks_reply}};
}

double percentile(std::vector<double>& sorted, double p) {
  return sorted.empty() ? 0
                        : sorted[std::min(sorted.size() - 1,
                                          static_cast<std::size_t>(p * static_cast<double>(sorted.size())))];
}

Clock::duration of_seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void run_until(Loop& loop, Clock::time_point end) {
  while (Clock::now() < end)
    loop.turn(static_cast<int>(
        std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count() + 1));
}

int run(int argc, char** argv) {
  std::string what = argc > 1 ? argv[1] : "", via = "direct", user;
  Site site;
  std::size_t streams = 1;
  double seconds = 1, warm_up = 0.3;
  Plan plan;
  for (int i = 2; i + 1 < argc; i += 2) {
    const std::string key = argv[i], value = argv[i + 1];
    if (key == "--via")
      via = value;
    else if (key == "--port")
      plan.port = static_cast<std::uint16_t>(std::stoi(value));
    else if (key == "--target")
      site.port = static_cast<std::uint16_t>(std::stoi(value));
    else if (key == "--address") {
      const auto address = parse_address(value);
      if (!address) return 64;
      site.address = *address;
    } else if (key == "--warm-up")
      warm_up = std::stod(value);
    else if (key == "--user")
      user = value;
    else if (key == "--streams")
      streams = std::stoul(value);
    else if (key == "--seconds")
      seconds = std::stod(value);
    else
      return 64;
  }
  plan.wish = what == "down" ? kSend : what == "up" ? kTake : kEcho;
  plan.keep = what == "hold";
  plan.once = what == "once";
  plan.steps = steps_for(via, site, user);
  if (via == "direct") plan.address = site.address;

  Loop loop;
  Tally tally;
  std::vector<std::unique_ptr<Visit>> visits;
  const auto start = Clock::now();
  if (plan.keep) {
    // 32 at a time, so that nobody's backlog decides.
    while (tally.done < streams && tally.failed < streams &&
           Clock::now() - start < std::chrono::seconds(15)) {
      while (visits.size() < streams && visits.size() - tally.done - tally.failed < 32)
        visits.push_back(std::make_unique<Visit>(loop, plan, tally));
      if (tally.done + tally.failed >= streams) break;
      loop.turn(100);
    }
    std::printf("{\"held\": %llu, \"failed\": %llu}\n", static_cast<unsigned long long>(tally.done),
                static_cast<unsigned long long>(tally.failed));
    std::fflush(stdout);
    char byte;
    while (::read(0, &byte, 1) > 0) {
    }
    return 0;
  }
  if (plan.once) {
    Visit visit(loop, plan, tally);
    const auto end = start + of_seconds(seconds);
    while (!visit.idle() && Clock::now() < end) loop.turn(10);
    std::printf("{\"failed\": %d, \"first_byte_us\": %.1f}\n", tally.done ? 0 : 1,
                tally.done ? tally.first_byte_us[0] : 0.0);
    return 0;
  }
  for (std::size_t i = 0; i < streams; ++i) visits.push_back(std::make_unique<Visit>(loop, plan, tally));
  run_until(loop, start + of_seconds(warm_up));
  const auto warm = Clock::now();
  const auto warm_bytes = tally.bytes, warm_done = tally.done;
  tally.first_byte_us.clear();
  run_until(loop, warm + of_seconds(seconds));
  const double took = std::chrono::duration<double>(Clock::now() - warm).count();
  auto& first = tally.first_byte_us;
  std::sort(first.begin(), first.end());
  std::printf(
      "{\"bytes_per_s\": %.0f, \"total_bytes\": %llu, \"per_s\": %.1f, \"total_done\": %llu, "
      "\"failed\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
      static_cast<double>(tally.bytes - warm_bytes) / took, static_cast<unsigned long long>(tally.bytes),
      static_cast<double>(tally.done - warm_done) / took, static_cast<unsigned long long>(tally.done),
      static_cast<unsigned long long>(tally.failed), percentile(first, 0.5), percentile(first, 0.99));
  return 0;
}

}  // namespace
}  // namespace surang::bench

int main(int argc, char** argv) {
  return surang::bench::run(argc, argv);
}
