#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "transports/tcp/splice_relay.hpp"

namespace surang {
namespace {

constexpr std::size_t kKept = 32;         // pipes a thread keeps for later
constexpr int kPipeSize = 256 * 1024;     // what the pipe is asked to hold; the kernel may give less
constexpr std::size_t kAtOnce = 1 << 20;  // more than the pipe holds: as much as there is
constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

struct FreePipes {
  std::vector<std::pair<int, int>> list;
  ~FreePipes() {
    for (const auto& [read_end, write_end] : list) {
      ::close(read_end);
      ::close(write_end);
    }
  }
};

FreePipes& free_pipes() {
  thread_local FreePipes pipes;
  return pipes;
}

// A splice into a socket that the peer has closed raises SIGPIPE, and has no flag against it.
void ignore_sigpipe() {
  struct sigaction now {};
  if (sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) std::signal(SIGPIPE, SIG_IGN);
}

error_code last_error() {
  if (errno == EAGAIN) return make_error_code(Errc::would_block);
  return {errno, boost::system::system_category()};
}

ssize_t splice_once(int from, int to, std::size_t n) {
  for (;;) {
    const auto moved = ::splice(from, nullptr, to, nullptr, n, kFlags);
    if (moved >= 0 || errno != EINTR) return moved;
  }
}

}  // namespace

std::optional<SplicePipe> SplicePipe::borrow() {
  auto& list = free_pipes().list;
  if (!list.empty()) {
    const auto [read_end, write_end] = list.back();
    list.pop_back();
    return SplicePipe(read_end, write_end);
  }
  [[maybe_unused]] static const bool once = (ignore_sigpipe(), true);
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  ::fcntl(ends[1], F_SETPIPE_SZ, kPipeSize);
  return SplicePipe(ends[0], ends[1]);
}

SplicePipe::SplicePipe(SplicePipe&& other) noexcept
    : read_end_(std::exchange(other.read_end_, -1)),
      write_end_(std::exchange(other.write_end_, -1)),
      held_(std::exchange(other.held_, 0)) {}

SplicePipe::~SplicePipe() {
  if (read_end_ < 0) return;
  auto& list = free_pipes().list;
  if (held_ == 0 && list.size() < kKept) {
    list.emplace_back(read_end_, write_end_);
    return;
  }
  ::close(read_end_);
  ::close(write_end_);
}

Result<std::size_t> SplicePipe::fill(int socket) {
  const auto n = splice_once(socket, write_end_, kAtOnce);
  if (n < 0) return last_error();
  held_ += static_cast<std::size_t>(n);
  return static_cast<std::size_t>(n);
}

Result<std::size_t> SplicePipe::drain(int socket) {
  const auto n = splice_once(read_end_, socket, held_);
  if (n < 0) return last_error();
  held_ -= static_cast<std::size_t>(n);
  return static_cast<std::size_t>(n);
}

}  // namespace surang
