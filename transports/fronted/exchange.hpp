// One HTTP request to the bridge and its answer, whichever version of HTTP the edge speaks to it. Made by
// http1_server; origin deals with it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transports/core/stream.hpp"

namespace surang::fronted {

struct RequestHead {
  std::string method, target;
  std::string forwarded_for;  ///< the values of X-Forwarded-For, one list; anybody's claim
};

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;

class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const RequestHead& head() const noexcept = 0;

  /// The next bytes of the request's body; 0 at its end. Errc::truncated when the edge has cut it.
  virtual asio::awaitable<Result<std::size_t>> read_body(asio::mutable_buffer into) = 0;

  /// Begins the answer, once; `fields` may go when it has begun. `length` of its body; nothing where it is
  /// not known yet. Beside read_body.
  virtual asio::awaitable<Result<void>> answer(int status, const Fields& fields,
                                               std::optional<std::uint64_t> length) = 0;
  virtual asio::awaitable<Result<void>> write_body(asio::const_buffer from) = 0;
  /// Ends the answer. An exchange that is destroyed before was cut, and the edge sees that where HTTP can
  /// show it.
  virtual asio::awaitable<Result<void>> finish() = 0;
};

/// Reads what its handler has left of the body, up to 256 KiB; whether that was all.
asio::awaitable<bool> drain(Exchange& exchange);

}  // namespace surang::fronted
