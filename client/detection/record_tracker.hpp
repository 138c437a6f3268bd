// Where one direction of a TLS connection stands in the record layer (RFC 8446 5.1), fed with its bytes in
// any chunks. A record is sealed before it is sent: a connection that stands in the middle of one waits for
// the network, not for the site. And what a browser says when it refuses a certificate. Pure; every byte may
// be a stranger's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace surang::client {

class RecordTracker {
 public:
  void feed(std::span<const std::uint8_t> bytes) noexcept;

  /// False once something came that is no TLS record, for good.
  bool known() const noexcept { return known_; }
  /// A part of a record has come and the rest of it has not.
  bool in_record() const noexcept { return known_ && (head_size_ > 0 || left_ > 0); }
  /// Records that are whole.
  std::uint64_t records() const noexcept { return records_; }

 private:
  void begin_record() noexcept;

  std::array<std::uint8_t, 5> head_{};
  std::size_t head_size_ = 0, left_ = 0;
  std::uint64_t records_ = 0;
  bool known_ = true;
};

/// Whether `said`, everything that a browser sent behind its ClientHello, is an alert as it follows a
/// certificate that it does not take: one about certificates in the clear, or an encrypted one of TLS 1.3,
/// whose kind nobody can see (behind the change_cipher_spec of RFC 8446 D.4, or without).
bool refuses_certificate(std::span<const std::uint8_t> said) noexcept;

}  // namespace surang::client
