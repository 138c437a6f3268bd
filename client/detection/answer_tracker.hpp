// Whether the answers on one plain HTTP connection (RFC 9112) are whole, fed with what either end says in any
// chunks, one request at a time. What a site still owes, it may hold back for reasons of its own: unlike half
// a TLS record that is no proof of anything. Used by progress. Pure; every byte may be a stranger's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace surang::client {

class AnswerTracker {
 public:
  void asked(std::span<const std::uint8_t> bytes);
  void feed(std::span<const std::uint8_t> bytes);

  /// False once it cannot be followed (an upload, pipelining, an upgrade, no HTTP), for good.
  bool known() const noexcept { return at_ != At::lost; }
  /// A part of an answer has come, and the rest of it has not.
  bool owed() const noexcept;
  /// The same, and the site has said how much is to come: mostly it has it all at hand.
  bool announced() const noexcept { return (at_ == At::counted || at_ == At::chunk) && left_ > 0; }

 private:
  enum class At { between, request, head, counted, chunk, chunk_size, trailer, until_close, lost };

  void feed_head(std::span<const std::uint8_t>& bytes);
  void feed_line(std::span<const std::uint8_t>& bytes);
  void feed_body(std::span<const std::uint8_t>& bytes);
  void begin_body();
  void end_line();
  void lose();

  At at_ = At::between;
  bool head_only_ = false;  // the request was a HEAD
  std::string text_;        // of a head or a line that is not whole
  std::uint64_t left_ = 0;
};

}  // namespace surang::client
