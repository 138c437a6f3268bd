// The censor: reads packets from a TUN device that everything between inside and outside is routed through,
// and writes back what may pass, when it may pass. One thread, one epoll; precise to a fraction of a
// millisecond.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <iostream>
#include <system_error>

#include "tests/censor/middlebox/control.hpp"
#include "tests/censor/middlebox/delay_queue.hpp"

namespace surang::censor {
namespace {

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int open_tun(const std::string& name) {
  const int tun = checked(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  checked(ioctl(tun, TUNSETIFF, &request), "attaching to the TUN device (needs root)");
  return tun;
}

class Loop {
 public:
  Loop(const std::string& tun, std::vector<Prefix> inside, const std::string& control, EventLog& log)
      : log_(log),
        tun_(open_tun(tun)),
        timer_(checked(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), "timerfd")),
        epoll_(checked(epoll_create1(EPOLL_CLOEXEC), "epoll")),
        control_(control),
        engine_(std::move(inside), log, [this](Bytes packet, Clock::duration after) {
          if (after <= Clock::duration::zero()) return put(packet);
          queue_.push(std::move(packet), Clock::now() + after);
        }) {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = checked(signalfd(-1, &signals, SFD_CLOEXEC), "signalfd");
    for (const int fd : {tun_, timer_, control_.listener(), signals_}) watch(fd);
    prctl(PR_SET_TIMERSLACK, 1);
  }

  void run() {
    for (;;) {
      epoll_event events[16];
      const int count = epoll_wait(epoll_, events, 16, 1000);
      for (int i = 0; i < count; ++i) {
        const int fd = events[i].data.fd;
        if (fd == signals_) return;
        if (fd == control_.listener()) {
          if (const int connection = control_.accept(); connection >= 0) watch(connection);
        } else if (fd == timer_) {
          std::uint64_t ticks;
          [[maybe_unused]] const auto got = read(timer_, &ticks, sizeof ticks);
        } else if (fd != tun_) {
          control_.serve(fd, engine_);
        }
      }
      read_packets();
      release();
      if (const auto now = Clock::now(); now - swept_ > std::chrono::milliseconds(100)) {
        engine_.tick(now);
        swept_ = now;
      }
      log_.flush();
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  void read_packets() {
    for (int turn = 0; turn < 64; ++turn) {
      const auto got = read(tun_, buffer_.data(), buffer_.size());
      if (got <= 0) return;
      engine_.handle(View(buffer_).first(static_cast<std::size_t>(got)), Clock::now());
    }
  }

  void release() {
    while (!queue_.empty() && queue_.next() <= Clock::now()) put(queue_.pop());
    itimerspec when{};
    if (!queue_.empty()) {
      const auto due = queue_.next().time_since_epoch();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(due);
      when.it_value.tv_sec = seconds.count();
      when.it_value.tv_nsec = std::chrono::nanoseconds(due - seconds).count();
    }
    timerfd_settime(timer_, TFD_TIMER_ABSTIME, &when, nullptr);
  }

  void put(const Bytes& packet) {
    [[maybe_unused]] const auto written = write(tun_, packet.data(), packet.size());
  }

  EventLog& log_;
  int tun_, timer_, epoll_, signals_ = -1;
  ControlSocket control_;
  DelayQueue queue_;
  Engine engine_;
  Bytes buffer_ = Bytes(65536);
  Clock::time_point swept_{};
};

}  // namespace
}  // namespace surang::censor

int main(int argc, char** argv) {
  using namespace surang::censor;
  CLI::App app("A censor on a TUN device, for the blocked network of tests/censor");
  std::string tun, control, log_file;
  std::vector<std::string> inside;
  app.add_option("--tun", tun, "an existing TUN device")->required();
  app.add_option("--inside", inside, "the clients' address ranges")->required();
  app.add_option("--control", control, "path of the control socket")->required();
  app.add_option("--log", log_file, "JSON lines are appended here")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    std::vector<Prefix> prefixes;
    for (const auto& text : inside) {
      const auto prefix = parse_prefix(text);
      if (!prefix) throw std::runtime_error("not an address range: " + text);
      prefixes.push_back(*prefix);
    }
    EventLog log(log_file);
    Loop loop(tun, prefixes, control, log);
    std::cerr << "censor ready\n";
    loop.run();
  } catch (const std::exception& error) {
    std::cerr << "censor: " << error.what() << '\n';
    return 1;
  }
}
