// Moves bytes from one TCP socket to another inside the kernel (splice(2) through a pipe). core/relay
// drives it; where the system has no splice, borrow() gives nothing and the relay copies.
#pragma once

#include <cstddef>
#include <optional>

#include "transports/core/result.hpp"

namespace surang {

/// A pipe from a free list of this thread, returned to it on destruction when it is empty.
class SplicePipe {
 public:
  /// Nothing when the system has no splice or no pipe to give.
  static std::optional<SplicePipe> borrow();
  ~SplicePipe();
  SplicePipe(SplicePipe&& other) noexcept;
  SplicePipe& operator=(SplicePipe&&) = delete;

  /// Takes what the non-blocking `socket` has. 0: the peer ended its direction. Errc::would_block.
  Result<std::size_t> fill(int socket);
  /// Gives the non-blocking `socket` what it takes of held(). Errc::would_block.
  Result<std::size_t> drain(int socket);
  std::size_t held() const noexcept { return held_; }

 private:
  SplicePipe(int read_end, int write_end) : read_end_(read_end), write_end_(write_end) {}
  int read_end_, write_end_;  // -1 when moved from
  std::size_t held_ = 0;
};

}  // namespace surang
