// The mark by which a program that captures its machine's traffic knows its own again (client/capture).
// Everything that opens a socket to go out by puts it there; it is of the whole process, as what it guards
// against is (own_mark_linux.cpp, own_mark_windows.cpp).
#pragma once

#include <cstdint>

namespace surang {

/// From now on sockets get this mark (SO_MARK). False: this process may not mark any (CAP_NET_ADMIN), or the
/// system knows no marks; nothing is done to sockets then. For the start, before a second thread runs.
bool set_own_mark(std::uint32_t mark) noexcept;

/// Does nothing unless set_own_mark() has succeeded.
void mark_as_own(int socket) noexcept;

template <class Socket>
void mark_own(Socket& socket) {
  mark_as_own(static_cast<int>(socket.native_handle()));
}

}  // namespace surang
