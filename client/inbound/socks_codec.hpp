// The server's end of a SOCKS4, SOCKS4a or SOCKS5 (RFC 1928, RFC 1929) negotiation. Pure: bytes in, bytes to
// send and a destination out. The session and the pluggable transport's client end feed it; nothing is
// buffered beyond one field.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "client/socks5.hpp"
#include "transports/core/endpoint.hpp"

namespace surang::client {

/// User name and password which the local port asks for; empty: it is open to this machine.
using Credentials = std::optional<std::pair<std::string, std::string>>;

/// Compares without telling by its time where the difference is.
bool same_secret(std::string_view a, std::string_view b);

enum class SocksAnswer {
  granted,
  failed,
  not_allowed,
  network_unreachable,
  host_unreachable,
  refused,
  timed_out,
  not_supported,
  bad_address_type
};

class SocksCodec {
 public:
  enum class State {
    reading,  ///< give it more
    request,  ///< destination() is known; the session answers with reply()
    refused,  ///< send output() and close
  };

  enum class Command { connect, udp_associate };

  explicit SocksCodec(Credentials credentials);
  /// Takes UDP ASSOCIATE, too (RFC 1928 4); destination() is what the client will send from then, of zeros
  /// where it does not say.
  void take_udp() noexcept { takes_udp_ = true; }
  /// User name and password are no secret, but a message of the client's: SOCKS5 alone, which is asked for
  /// them wherever it can give them.
  static SocksCodec for_any_password();

  /// Takes bytes off the front of `input`, as many as belong to the negotiation, and returns how many.
  /// Takes none once the state is no longer `reading`: what follows belongs to the destination.
  std::size_t feed(std::span<const std::uint8_t> input);

  State state() const noexcept { return state_; }
  Command command() const noexcept {
    return v5_command_ == socks5::kUdpAssociate ? Command::udp_associate : Command::connect;
  }
  const Endpoint& destination() const noexcept { return destination_; }
  int version() const noexcept { return version_; }
  /// As the client of for_any_password() gave them, of any bytes.
  const std::string& user() const noexcept { return user_; }
  const std::string& password() const noexcept { return password_; }
  std::string_view why() const noexcept { return why_; }  ///< of a refusal, for the log

  /// What must be sent to the client now; given once.
  std::string take_output() { return std::exchange(output_, {}); }

  /// The answer to the request in the client's version of the protocol.
  std::string reply(SocksAnswer answer) const;
  /// Where datagrams for a granted association go.
  static std::string associated_at(const Endpoint& relay);

 private:
  enum class Field {
    version,
    v4_head,
    v4_user,
    v4_name,
    v5_methods_size,
    v5_methods,
    v5_auth_head,
    v5_user,
    v5_password_size,
    v5_password,
    v5_head,
    v5_name_size,
    v5_address
  };

  void expect(Field field, std::size_t size);
  void take_field();
  void take_byte_until_nul(std::uint8_t byte);
  void finish(std::string_view host, std::uint16_t port);
  void refuse(SocksAnswer answer, std::string_view why);
  void choose_method();

  Credentials credentials_;
  bool any_password_ = false, takes_udp_ = false;
  State state_ = State::reading;
  Field field_ = Field::version;
  std::size_t wanted_ = 1;
  int version_ = 0;
  std::uint8_t address_type_ = 0;
  std::uint16_t v4_port_ = 0;
  std::uint8_t v4_command_ = 0, v5_command_ = 0;
  std::string v4_address_;
  std::string bytes_;  // of the present field
  std::string user_, password_;
  Endpoint destination_;
  std::string output_;
  std::string_view why_;
};

}  // namespace surang::client
