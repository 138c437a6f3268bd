// Reads a TLS ClientHello (RFC 8446 4.1.2) out of the first bytes of a connection, whatever way they are cut
// into records and segments. Pure. Used by the bridge ahead of OpenSSL, by the client for SNI and replay
// decisions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace surang::tls {

struct PskIdentity {
  std::vector<std::uint8_t> identity;
  std::uint32_t obfuscated_age = 0;
};

struct ClientHello {
  std::uint16_t legacy_version = 0;
  std::string server_name;  ///< lower case; empty without SNI
  std::vector<std::string> alpn;
  std::array<std::uint8_t, 32> random{};
  std::vector<std::uint8_t> session_id;
  std::vector<std::uint16_t> cipher_suites;  ///< in order, GREASE included
  std::vector<std::uint16_t> extensions;     ///< types in order, GREASE included
  std::vector<std::uint16_t> supported_versions;
  std::vector<std::uint16_t> supported_groups;
  std::vector<std::uint16_t> signature_algorithms;
  std::vector<PskIdentity> psk_identities;
  std::vector<std::vector<std::uint8_t>> psk_binders;  ///< as many as identities
  bool early_data = false;
  std::vector<std::uint8_t> message;  ///< the handshake message, put together from its records
  std::size_t binders_at = 0;         ///< in `message`: where what the binders cover ends (RFC 8446 4.2.11.2)
  std::size_t size = 0;               ///< bytes of the input it took up, record headers included
  bool ends_record = false;           ///< nothing else is in its last record, as RFC 8446 5.1 wants it
  std::uint16_t record_version = 0;   ///< of its first record; no part of the message
  /// Where the server name stands in the input (offset, length); for fragmentation.
  std::optional<std::pair<std::size_t, std::size_t>> server_name_at;
  std::size_t server_name_in_message = 0;  ///< where it begins in `message`, whatever records it lies in
};

enum class HelloState { need_more, complete, not_tls };

/// The most bytes a ClientHello may take (post-quantum ones span segments); beyond it is not_tls.
inline constexpr std::size_t kMaxClientHello = 16 * 1024 + 512;

/// The most extensions a ClientHello may have, three times a browser's; beyond it is not_tls.
inline constexpr std::size_t kMaxExtensions = 64;

/// Up to so many bytes of the message are read again with every piece that comes; a longer message once it
/// is whole, so that a hello sent byte by byte costs its reader little.
inline constexpr std::size_t kReadAtOnce = 2048;

/// Parses a prefix of a connection. `hello` is filled when the result is complete.
/// not_tls is said at the first byte that cannot belong to a ClientHello, but for what is wrong inside a
/// message behind kReadAtOnce: that is said at the message's end.
HelloState parse_client_hello(std::span<const std::uint8_t> input, ClientHello& hello);

/// JA4 of the hello (FoxIO), "t13d1516h2_..." for what we send and what a browser sends.
std::string ja4(const ClientHello& hello);

}  // namespace surang::tls
