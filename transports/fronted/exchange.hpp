// One HTTP request to the bridge and its answer, whichever version of HTTP the edge speaks to it. Made by
// http1_server; origin deals with it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transports/core/buffer.hpp"
#include "transports/core/stream.hpp"

namespace surang::fronted {

struct RequestHead {
  std::string method, target;
  std::string forwarded_for;  ///< the values of X-Forwarded-For, one list; anybody's claim
};

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

/// What an answer's body is written from: scratch memory that keeps room for what HTTP/1.1 puts around it.
class BodyBlock {
 public:
  static constexpr std::size_t kBefore = 16, kBehind = 2;

  std::span<std::uint8_t> room() noexcept {
    return {block_.data() + kBefore, ScratchBuffer::kSize - kBefore - kBehind};
  }
  /// The first `size` bytes of room() between `before` and `behind`, no longer than their names say.
  asio::const_buffer between(std::string_view before, std::size_t size, std::string_view behind) noexcept;

 private:
  ScratchBuffer block_;
};

class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const RequestHead& head() const noexcept = 0;

  /// The next bytes of the request's body that are there; 0 at its end. Errc::would_block: nothing is there
  /// yet; Errc::truncated: the edge has cut it.
  virtual Result<std::size_t> try_read_body(asio::mutable_buffer into) = 0;
  /// Waits until try_read_body may have something to say, and asks for the body where the edge waits for
  /// that. Holds no buffer meanwhile.
  virtual asio::awaitable<Result<void>> wait_body() = 0;

  /// Begins the answer, once; `fields` may go when it has begun. `length` of its body; nothing where it is
  /// not known yet. Beside wait_body.
  virtual asio::awaitable<Result<void>> answer(int status, const Fields& fields,
                                               std::optional<std::uint64_t> length) = 0;
  /// The first bytes of block.room(), as many as that.
  virtual asio::awaitable<Result<void>> write_block(BodyBlock& block, std::size_t size) = 0;
  asio::awaitable<Result<void>> write_body(asio::const_buffer from);
  /// Ends the answer. An exchange that is destroyed before was cut, and the edge sees that where HTTP can
  /// show it.
  virtual asio::awaitable<Result<void>> finish() = 0;
};

/// Reads what its handler has left of the body, up to 256 KiB; whether that was all.
asio::awaitable<bool> drain(Exchange& exchange);

}  // namespace surang::fronted
