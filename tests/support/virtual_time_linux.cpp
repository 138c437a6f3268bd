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

long nanoseconds(const timespec& t) {
  return t.tv_sec * kSecond + t.tv_nsec;
}

timespec as_timespec(long ns) {
  timespec t{};
  t.tv_sec = ns / kSecond;
  t.tv_nsec = ns % kSecond;
  return t;
}

// The descriptor itself becomes readable at once, or not at all.
void set_real_timer(bool ready) {
  itimerspec value{};
  value.it_value.tv_nsec = ready ? 1 : 0;
  syscall(SYS_timerfd_settime, timer, 0, &value, nullptr);
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
  set_real_timer(false);
  const long in = nanoseconds(value->it_value);
  due = in == 0 ? -1 : flags & TFD_TIMER_ABSTIME ? passed : passed + in;
  return 0;
}

extern "C" int epoll_wait(int fd, epoll_event* events, int most, int timeout) {
  const auto wait = [&](int limit) {
    return static_cast<int>(syscall(SYS_epoll_pwait, fd, events, most, limit, nullptr, 0));
  };
  if (!virtual_time) return wait(timeout);
  const int ready = wait(0);
  if (ready != 0 || timeout == 0) return ready;
  if (due < 0) return wait(timeout);
  if (due > passed) passed = due;
  due = -1;
  set_real_timer(true);
  return wait(-1);
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
