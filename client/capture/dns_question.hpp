// What programs ask a name server, as far as capture's DNS answers it by itself, and those answers (RFC 1035,
// 6891, 9460). The questions are strangers' bytes. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace surang::client::capture {

inline constexpr std::uint16_t kTypeA = 1, kTypePtr = 12, kTypeAaaa = 28, kTypeSvcb = 64, kTypeHttps = 65;
/// Fakes are forgotten by who asked almost at once: when the capture has ended they lead nowhere.
inline constexpr std::uint32_t kFakeTtl = 1;

struct DnsQuestion {
  std::string name;  ///< lower case, without the last dot; empty for the root and for what is no host's name
  std::uint16_t type = 0;
  bool internet = false;  ///< of class IN, or of any
  bool edns = false;
  std::size_t size = 0;  ///< of header and question

  /// The one question of a query; nothing where there is not just one, or it is no query for names.
  static std::optional<DnsQuestion> parse(std::span<const std::uint8_t> query);
};

enum class DnsCode : std::uint8_t { ok = 0, failed = 2, no_such_name = 3 };

/// An answer to `query`, of which `question` was read, with as many of `addresses` as are of its type.
std::vector<std::uint8_t> make_dns_answer(std::span<const std::uint8_t> query, const DnsQuestion& question,
                                          DnsCode code,
                                          const std::vector<boost::asio::ip::address>& addresses = {},
                                          std::uint32_t ttl = kFakeTtl);

}  // namespace surang::client::capture
