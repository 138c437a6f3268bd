// What a program that holds many sockets asks of its system at the start (process_linux.cpp, _windows.cpp).
#pragma once

#include <cstddef>
#include <functional>
#include <thread>

namespace surang {

/// Allows as many descriptors as the system lets this process have, and keeps a broken pipe from ending it.
/// Gives how many descriptors that are.
std::size_t prepare_process();

/// Runs `work` in a thread that none of the process's signals go to: they are for the thread that waits for
/// them.
std::thread start_thread(std::function<void()> work);

}  // namespace surang
