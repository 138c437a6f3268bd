// Simulated time for a whole process of one thread without sockets: once started, every clock stands still
// while there is something to do, and jumps to the next Asio timer when there is not. Linking it puts its own
// clock_gettime, timerfd_settime and epoll_wait in the place of the C library's, so only programs that
// simulate do.
#pragma once

#include <chrono>

namespace surang::test {

/// From now on. Irrevocable; to be called before the io_context that is simulated is made.
void start_virtual_time();
/// How much of it has passed.
std::chrono::nanoseconds virtual_time_passed();

}  // namespace surang::test
