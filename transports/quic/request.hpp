// What a stream of quic begins with: the client's request and the bridge's one byte of an answer
// (PROTOCOL.md, quic: streams). Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "transports/core/endpoint.hpp"

namespace surang::quic {

struct Request {
  enum class Kind : std::uint8_t {
    connection = 1,  ///< TCP to `to`
    datagrams = 2,   ///< UDP to any peers
    question = 3,    ///< what `to` is like from there
    control = 4,     ///< one for each session: echoes, and the bridge's leave
  };
  Kind kind = Kind::connection;
  Endpoint to;  ///< of connection and question
};

void append(std::vector<std::uint8_t>& to, const Request& request);

/// Puts a request together from the pieces of a stream.
class RequestReader {
 public:
  enum class State { more, whole, bad };
  /// Takes what belongs to the request off the front of `bytes`.
  State take(std::span<const std::uint8_t>& bytes);
  /// Once it is whole.
  const Request& request() const noexcept { return request_; }

 private:
  std::vector<std::uint8_t> head_;
  Request request_;
};

inline constexpr std::uint8_t kGranted = 0;
/// Why a request was refused, and back; words that are not known are Errc::no_route.
std::uint8_t refusal_byte(const error_code& why);
error_code refusal(std::uint8_t byte);

/// On the control stream both ways: an echo is asked for with 8 bytes, and given with the same.
inline constexpr std::uint8_t kEcho = 1;
inline constexpr std::size_t kEchoSize = 9;
/// The bridge: no request is taken any more.
inline constexpr std::uint8_t kLeaving = 2;

}  // namespace surang::quic
