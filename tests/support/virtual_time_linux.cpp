#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/virtual_time.hpp"

namespace {

constexpr long kSecond = 1'000'000'000;

bool virtual_time = false;
long passed = 0;             // nanoseconds of it
timespec at_start[16] = {};  // by clock
int timer = -1;              // Asio's descriptor for timers
long due = -1;               // when it is to be readable; -1: never

// What epoll says of a descriptor that is ready, as far as one was added here.
constexpr int kMostDescriptors = 256;
epoll_event watched[kMostDescriptors] = {};

long nanoseconds(const timespec& t) {
  return t.tv_sec * kSecond + t.tv_nsec;
}

timespec as_timespec(long ns) {
  timespec t{};
  t.tv_sec = ns / kSecond;
  t.tv_nsec = ns % kSecond;
  return t;
}

}  // namespace

extern "C" int clock_gettime(clockid_t id, timespec* into) noexcept {
  if (!virtual_time || id < 0 || id >= 16) return static_cast<int>(syscall(SYS_clock_gettime, id, into));
  *into = as_timespec(nanoseconds(at_start[id]) + passed);
  return 0;
}

extern "C" int timerfd_settime(int fd, int flags, const itimerspec* value, itimerspec* before) noexcept {
  if (!virtual_time) return static_cast<int>(syscall(SYS_timerfd_settime, fd, flags, value, before));
  timer = fd;
  const long in = nanoseconds(value->it_value);
  due = in == 0 ? -1 : flags & TFD_TIMER_ABSTIME ? passed : passed + in;
  return 0;
}

extern "C" int epoll_ctl(int epoll, int what, int fd, epoll_event* event) noexcept {
  if (what == EPOLL_CTL_ADD && fd >= 0 && fd < kMostDescriptors) watched[fd] = *event;
  return static_cast<int>(syscall(SYS_epoll_ctl, epoll, what, fd, event));
}

// The timer's descriptor is never armed: that it is ready is said here, without a call of the system.
extern "C" int epoll_wait(int fd, epoll_event* events, int most, int timeout) {
  const auto wait = [&](int limit) {
    return static_cast<int>(syscall(SYS_epoll_pwait, fd, events, most, limit, nullptr, 0));
  };
  if (!virtual_time) return wait(timeout);
  const int ready = wait(0);
  if (ready != 0 || timeout == 0) return ready;
  if (due < 0 || timer >= kMostDescriptors || most < 1) return wait(timeout);
  if (due > passed) passed = due;
  due = -1;
  events[0] = watched[timer];
  events[0].events = EPOLLIN;
  return 1;
}

namespace surang::test {

void start_virtual_time() {
  for (clockid_t id = 0; id < 16; ++id) syscall(SYS_clock_gettime, id, &at_start[id]);
  virtual_time = true;
}

std::chrono::nanoseconds virtual_time_passed() {
  return std::chrono::nanoseconds(passed);
}

}  // namespace surang::test
