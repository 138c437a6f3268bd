#include "client/detection/record_tracker.hpp"

#include <algorithm>

namespace surang::client {
namespace {

constexpr std::uint8_t kChangeCipherSpec = 20, kAlert = 21, kApplicationData = 23, kHeartbeat = 24;
constexpr std::size_t kMostContent = (1 << 14) + 2048;  // RFC 5246 6.2.3; TLS 1.3 allows less
constexpr std::size_t kHead = 5;
constexpr std::size_t kSealedAlert = 2 + 1 + 16;  // level and description, the inner type, the tag

// bad_certificate, unsupported_certificate, certificate_revoked, certificate_expired, certificate_unknown,
// unknown_ca.
bool about_certificates(std::uint8_t alert) {
  return (alert >= 42 && alert <= 46) || alert == 48;
}

}  // namespace

void RecordTracker::begin_record() noexcept {
  const std::size_t size = static_cast<std::size_t>(head_[3]) << 8 | head_[4];
  head_size_ = 0;
  known_ = head_[0] >= kChangeCipherSpec && head_[0] <= kHeartbeat && head_[1] == 3 && size <= kMostContent;
  left_ = size;
  if (known_ && size == 0) ++records_;
}

void RecordTracker::feed(std::span<const std::uint8_t> bytes) noexcept {
  while (known_ && !bytes.empty()) {
    if (left_ > 0) {
      const auto n = std::min(left_, bytes.size());
      bytes = bytes.subspan(n);
      left_ -= n;
      if (left_ == 0) ++records_;
      continue;
    }
    const auto n = std::min(kHead - head_size_, bytes.size());
    std::copy_n(bytes.begin(), n, head_.begin() + static_cast<std::ptrdiff_t>(head_size_));
    head_size_ += n;
    bytes = bytes.subspan(n);
    if (head_size_ == kHead) begin_record();
  }
}

bool refuses_certificate(std::span<const std::uint8_t> said) noexcept {
  constexpr std::array<std::uint8_t, 6> kSwitch{kChangeCipherSpec, 3, 3, 0, 1, 1};
  if (said.size() >= kSwitch.size() && std::equal(kSwitch.begin(), kSwitch.end(), said.begin()))
    said = said.subspan(kSwitch.size());
  if (said.size() < kHead || said[1] != 3 || said[3] != 0 || said.size() != kHead + said[4]) return false;
  if (said[0] == kAlert) return said[4] == 2 && about_certificates(said[6]);
  return said[0] == kApplicationData && said[4] == kSealedAlert;
}

}  // namespace surang::client
