// DNS questions for addresses and their answers (RFC 1035, 3596), by c-ares. Pure. Answers are strangers'
// bytes.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace surang::client {

enum class RecordType : std::uint16_t { a = 1, aaaa = 28 };

using DnsBytes = std::vector<std::uint8_t>;

/// Empty when `host` is no name that DNS can carry.
DnsBytes make_dns_query(const std::string& host, RecordType type, std::uint16_t id);

struct DnsReply {
  enum class Kind {
    not_ours,  ///< another id, question, or no reply at all: to be ignored
    malformed,
    truncated,  ///< to be asked again over TCP
    no_such_name,
    failed,  ///< SERVFAIL, REFUSED and kin
    answer,  ///< `addresses` may be empty (no data of this type)
  };
  Kind kind = Kind::not_ours;
  std::vector<boost::asio::ip::address> addresses;
  std::chrono::seconds ttl{0};  ///< the least of the answer's
  std::uint16_t records = 0;    ///< in the answer section, aliases included
  /// Something stands in the additional section: a server that knows EDNS repeats our OPT record there
  /// (RFC 6891 7), and injectors rarely take the trouble.
  bool edns = false;
};

/// Whether `reply` is one to `query`, of whatever kind that is: the same number and the same question, or
/// none, as some refuse.
bool answers(std::span<const std::uint8_t> reply, std::span<const std::uint8_t> query);

/// `query` is what make_dns_query gave; the reply must repeat its id and question.
DnsReply parse_dns_reply(std::span<const std::uint8_t> reply, std::span<const std::uint8_t> query);

}  // namespace surang::client
