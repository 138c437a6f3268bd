// What a program that holds many sockets asks of its system at the start (process_linux.cpp, _windows.cpp).
#pragma once

#include <cstddef>

namespace surang {

/// Allows as many descriptors as the system lets this process have, and keeps a broken pipe from ending it.
/// Gives how many descriptors that are.
std::size_t prepare_process();

}  // namespace surang
