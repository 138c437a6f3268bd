// The Extended ORPort of Tor (ext-orport-spec): the connection to it shows that it can read the cookie file,
// and tells who the client is and by which transport it came, before the client's bytes follow. Without I/O;
// server_end feeds it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "transports/core/result.hpp"

namespace surang::client::pt {

using OrCookie = std::array<std::uint8_t, 32>;

/// The content of the cookie file; Errc::bad_input.
Result<OrCookie> parse_or_cookie(std::string_view file);

class ExtOrPort {
 public:
  enum class State : std::uint8_t { talking, open, refused };

  /// `client` as "192.0.2.1:5000" or "[2001:db8::1]:5000"; `nonce` is fresh randomness.
  ExtOrPort(const OrCookie& cookie, const std::array<std::uint8_t, 32>& nonce, std::string_view client,
            std::string_view transport);

  State state() const noexcept { return state_; }
  /// What must be sent now; given once.
  std::string take_output() { return std::exchange(output_, {}); }
  /// How many bytes come next at least: whoever reads no more reads nothing that is the client's.
  std::size_t wanted() const noexcept { return skip_ > 0 ? skip_ : wanted_ - bytes_.size(); }
  /// Takes bytes off the front of `input`, as many as belong to the negotiation, and returns how many. Takes
  /// none once the state is no longer `talking`: what follows is the client's.
  std::size_t feed(std::span<const std::uint8_t> input);
  /// Of a refusal: Errc::proof_refused (one end does not know the cookie), Errc::destination_denied (Tor
  /// wants nothing from this client) or Errc::protocol.
  error_code error() const noexcept { return error_; }

 private:
  enum class Awaiting : std::uint8_t { auth_type, hashes, status, reply, body };

  void take_auth_type(std::uint8_t type);
  void take_field();
  void take_reply();
  void expect(Awaiting what, std::size_t size);
  void refuse(error_code why);

  OrCookie cookie_;
  std::array<std::uint8_t, 32> nonce_;
  std::string said_;  // USERADDR, TRANSPORT, DONE
  State state_ = State::talking;
  Awaiting awaiting_ = Awaiting::auth_type;
  bool safe_cookie_ = false;    // offered
  std::size_t seen_types_ = 0;  // offered ones
  std::size_t wanted_ = 1, skip_ = 0;
  unsigned replies_ = 0;
  std::string bytes_;  // of the present field
  std::string output_;
  error_code error_;
};

}  // namespace surang::client::pt
