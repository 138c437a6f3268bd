// A long path between two network namespaces, for kernels without netem: a TUN device in each, and every
// packet that goes into one comes out of the other after the delay, but for the lost ones.
// tests/bench/spaces.py starts it.
//   long_path NAMESPACE DEVICE NAMESPACE DEVICE --delay-ms 75 --loss 0.01 --rate-mbit 200 --queue-ms 50
//   --seed 1
// All of this holds for each way by itself; one packet is lost or not whatever became of others. Prints
// "ready"; with the end of its standard input one JSON line tells what each way carried, lost at random, and
// dropped because the queue was full.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

namespace surang::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t kLargest = 2048;  // the devices have an MTU of 1500

struct Conditions {
  Clock::duration delay{}, queue{};
  double loss = 0, bits_per_s = 1e9;
  std::uint64_t seed = 1;
};

int check(int result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

/// A device made there; it goes when this program ends.
int open_tun(const std::string& space, const std::string& device) {
  const auto path = "/run/netns/" + space;
  const int there = check(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path);
  check(::setns(there, CLONE_NEWNET), "setns (needs root)");
  ::close(there);
  const int tun = check(::open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, device.c_str(), IFNAMSIZ - 1);
  check(::ioctl(tun, TUNSETIFF, &request), "making " + device);
  return tun;
}

class OneWay {
 public:
  OneWay(int from, int to, const Conditions& conditions, std::uint64_t seed)
      : from_(from), to_(to), conditions_(conditions), dice_(seed) {}

  /// Takes what is there, a bounded amount of it.
  void take(Clock::time_point now) {
    for (int turn = 0; turn < 64; ++turn) {
      if (spare_.empty()) spare_.push_back(std::vector<std::uint8_t>(kLargest));
      auto& packet = spare_.back();
      packet.resize(kLargest);
      const auto size = ::read(from_, packet.data(), packet.size());
      if (size <= 0) return;
      packet.resize(static_cast<std::size_t>(size));
      free_at_ = std::max(free_at_, now);
      if (free_at_ - now > conditions_.queue) {
        ++dropped_;
        continue;
      }
      free_at_ += std::chrono::duration_cast<Clock::duration>(
          Seconds(static_cast<double>(size) * 8 / conditions_.bits_per_s));
      if (std::uniform_real_distribution()(dice_) < conditions_.loss) {
        ++lost_;
        continue;
      }
      // Whoever comes later is due later: no order to keep.
      under_way_.push_back({free_at_ + conditions_.delay, std::move(packet)});
      spare_.pop_back();
    }
  }

  void release(Clock::time_point now) {
    while (!under_way_.empty() && under_way_.front().due <= now) {
      auto packet = std::move(under_way_.front().bytes);
      under_way_.pop_front();
      if (::write(to_, packet.data(), packet.size()) > 0) ++carried_;
      spare_.push_back(std::move(packet));
    }
  }

  Clock::time_point next() const {
    return under_way_.empty() ? Clock::time_point::max() : under_way_.front().due;
  }

  std::string told() const {
    return "{\"carried\": " + std::to_string(carried_) + ", \"lost\": " + std::to_string(lost_) +
           ", \"dropped\": " + std::to_string(dropped_) + "}";
  }

 private:
  struct Item {
    Clock::time_point due;
    std::vector<std::uint8_t> bytes;
  };
  int from_, to_;
  Conditions conditions_;
  std::mt19937_64 dice_;
  Clock::time_point free_at_{};
  std::deque<Item> under_way_;
  std::vector<std::vector<std::uint8_t>> spare_;
  std::uint64_t carried_ = 0, lost_ = 0, dropped_ = 0;
};

Conditions conditions_of(std::span<char*> words) {
  Conditions out;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    if (i + 1 == words.size()) throw std::invalid_argument(words[i]);
    const std::string key = words[i];
    const double value = std::stod(words[i + 1]);
    const auto span = [&] { return std::chrono::duration_cast<Clock::duration>(Seconds(value / 1000)); };
    if (key == "--delay-ms")
      out.delay = span();
    else if (key == "--queue-ms")
      out.queue = span();
    else if (key == "--loss")
      out.loss = value;
    else if (key == "--rate-mbit")
      out.bits_per_s = value * 1e6;
    else if (key == "--seed")
      out.seed = static_cast<std::uint64_t>(value);
    else
      throw std::invalid_argument(key);
  }
  return out;
}

void run(const std::array<std::string, 4>& ends, const Conditions& conditions) {
  ::prctl(PR_SET_TIMERSLACK, 1);
  // Before what it is to delay, where that is allowed: being late would be distance. It sleeps between
  // packets.
  const sched_param first{1};
  ::sched_setscheduler(0, SCHED_FIFO, &first);
  const int here = open_tun(ends[0], ends[1]), there = open_tun(ends[2], ends[3]);
  OneWay up(here, there, conditions, conditions.seed), down(there, here, conditions, ~conditions.seed);
  std::printf("ready\n");
  std::fflush(stdout);
  for (;;) {
    std::array<pollfd, 3> watched{pollfd{here, POLLIN, 0}, pollfd{there, POLLIN, 0}, pollfd{0, POLLIN, 0}};
    const auto next = std::min(up.next(), down.next());
    timespec wait{};
    if (const auto now = Clock::now(); next != Clock::time_point::max() && next > now)
      wait.tv_nsec = std::min<long>(999'999'999, std::chrono::nanoseconds(next - now).count());
    ::ppoll(watched.data(), watched.size(), next == Clock::time_point::max() ? nullptr : &wait, nullptr);
    if (char byte; watched[2].revents && ::read(0, &byte, 1) <= 0) break;
    const auto now = Clock::now();
    up.take(now);
    down.take(now);
    up.release(now);
    down.release(now);
  }
  std::printf("{\"up\": %s, \"down\": %s}\n", up.told().c_str(), down.told().c_str());
}

}  // namespace
}  // namespace surang::bench

int main(int argc, char** argv) {
  if (argc < 5) return 64;
  try {
    const auto conditions =
        surang::bench::conditions_of(std::span(argv, static_cast<std::size_t>(argc)).subspan(5));
    surang::bench::run({argv[1], argv[2], argv[3], argv[4]}, conditions);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "long_path: %s\n", error.what());
    return 1;
  }
}
