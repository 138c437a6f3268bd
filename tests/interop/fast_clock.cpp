// Preloaded into a program, lets all its clocks run FAST_CLOCK times as fast, so that an hour of its timers
// takes a minute. Only waiting is shortened: what the program computes, and what the kernel does, takes as
// long as ever. Programs that are given the same FAST_CLOCK_BASE (unix seconds) agree about the time of day.
// idle_cases.py builds and uses it.
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t number(const char* variable, std::int64_t otherwise) {
  const char* value = std::getenv(variable);
  return value ? std::atoll(value) : otherwise;
}

std::int64_t speed() {
  static const auto value = number("FAST_CLOCK", 1);
  return value;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

std::int64_t nanoseconds(const timespec& t) {
  return t.tv_sec * kSecond + t.tv_nsec;
}
timespec spec(std::int64_t n) {
  return {static_cast<time_t>(n / kSecond), static_cast<long>(n % kSecond)};
}

std::int64_t real(clockid_t clock) {
  static const auto call = next<int (*)(clockid_t, timespec*)>("clock_gettime");
  timespec t{};
  call(clock, &t);
  return nanoseconds(t);
}

bool of_day(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}
bool elapses(clockid_t clock) {
  return of_day(clock) || clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE ||
         clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
}

std::int64_t base(clockid_t clock) {
  static const auto day = number("FAST_CLOCK_BASE", real(CLOCK_REALTIME) / kSecond) * kSecond;
  static const auto monotonic = real(CLOCK_MONOTONIC);
  return of_day(clock) ? day : monotonic;
}

std::int64_t fast(clockid_t clock) {
  return base(clock) + (real(clock) - base(clock)) * speed();
}
std::int64_t real_at(clockid_t clock, std::int64_t at) {
  return base(clock) + (at - base(clock)) / speed();
}

// Never nothing for something.
std::int64_t shorter(std::int64_t wait) {
  return wait > 0 ? (wait + speed() - 1) / speed() : wait;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* out) noexcept {
  if (elapses(clock)) {
    *out = spec(fast(clock));
    return 0;
  }
  static const auto call = next<int (*)(clockid_t, timespec*)>("clock_gettime");
  return call(clock, out);
}

int gettimeofday(timeval* out, void*) noexcept {
  const auto now = fast(CLOCK_REALTIME);
  out->tv_sec = now / kSecond;
  out->tv_usec = now % kSecond / 1000;
  return 0;
}

time_t time(time_t* out) noexcept {
  const auto now = static_cast<time_t>(fast(CLOCK_REALTIME) / kSecond);
  if (out) *out = now;
  return now;
}

int epoll_wait(int fd, epoll_event* events, int most, int wait) {
  static const auto call = next<decltype(&epoll_wait)>("epoll_wait");
  return call(fd, events, most, static_cast<int>(shorter(wait)));
}

int epoll_pwait(int fd, epoll_event* events, int most, int wait, const sigset_t* mask) {
  static const auto call = next<decltype(&epoll_pwait)>("epoll_pwait");
  return call(fd, events, most, static_cast<int>(shorter(wait)), mask);
}

int poll(pollfd* fds, nfds_t count, int wait) {
  static const auto call = next<decltype(&poll)>("poll");
  return call(fds, count, static_cast<int>(shorter(wait)));
}

int nanosleep(const timespec* wait, timespec* left) {
  static const auto call = next<decltype(&nanosleep)>("nanosleep");
  const auto less = spec(shorter(nanoseconds(*wait)));
  return call(&less, left);
}

int timerfd_settime(int fd, int flags, const itimerspec* wanted, itimerspec* before) noexcept {
  using Call = int (*)(int, int, const itimerspec*, itimerspec*);
  static const auto call = next<Call>("timerfd_settime");
  itimerspec changed = *wanted;
  changed.it_interval = spec(shorter(nanoseconds(wanted->it_interval)));
  const auto at = nanoseconds(wanted->it_value);
  if ((flags & TFD_TIMER_ABSTIME) == 0)
    changed.it_value = spec(shorter(at));
  else if (at > base(CLOCK_MONOTONIC))  // a time before is over, whichever it is
    changed.it_value = spec(real_at(CLOCK_MONOTONIC, at));
  return call(fd, flags, &changed, before);
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const timespec* until) {
  static const auto call = next<decltype(&pthread_cond_timedwait)>("pthread_cond_timedwait");
  const auto sooner = spec(real_at(CLOCK_REALTIME, nanoseconds(*until)));
  return call(condition, mutex, &sooner);
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const timespec* until) {
  static const auto call = next<decltype(&pthread_cond_clockwait)>("pthread_cond_clockwait");
  const auto sooner = spec(real_at(clock, nanoseconds(*until)));
  return call(condition, mutex, clock, &sooner);
}
}
