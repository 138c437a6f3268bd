// What the censor does to whom, written as one line of words: "sni-reset .blocked.example pass". Parsed from
// the control socket, asked by the engine. The list of verbs is in tests/censor/README.md. Pure.
#pragma once

#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "tests/censor/middlebox/packet.hpp"

namespace surang::censor {

using Clock = std::chrono::steady_clock;

enum class Verb {
  ip_drop,
  ip_rst,
  icmp_unreachable,
  sni_reset,
  sni_drop,
  sni_fin,
  dns_poison,
  http_block_page,
  throttle,
  freeze,
  redirect,
  udp_drop,
  entropy_block,
  outage,
};

/// Lets `rate` bits a second through. Shaped: what would wait longer than half a second is dropped. Policed:
/// nothing waits, and what comes faster than a small bucket refills is dropped.
class TokenBucket {
 public:
  /// How long the packet waits, or nothing when it is dropped.
  std::optional<Clock::duration> pass(std::size_t bytes, double rate, bool policed, Clock::time_point now);

 private:
  Clock::time_point free_at_{};
};

struct Rule {
  unsigned id = 0;
  Verb verb{};
  std::string text;  ///< as given
  // Whom: at most one of the two; neither means everyone.
  std::optional<Prefix> prefix;
  std::string name;  ///< "host", or ".host" for it and everything below
  std::uint16_t port = 0;
  // How.
  bool pass = false;              ///< forge, but let the real packets through
  bool records = false;           ///< joins TLS records before it looks for the name
  bool reassemble = true;         ///< joins TCP segments
  bool whole_records = false;     ///< takes a hello cut over records for guilty, whatever its name
  std::optional<Prefix> only_at;  ///< by name, but towards these remote ends alone
  bool late = false;              ///< the true DNS answer follows the forged one
  bool nxdomain = false;          ///< instead of addresses
  bool plain = false;             ///< that page says nothing that anybody knows
  bool uncut = false;             ///< freeze: spares a hello that is cut over records
  bool policed = false;           ///< throttle: drops instead of queueing
  bool udp = false;               ///< throttle: datagrams alone
  std::vector<Address> answers;   ///< of dns-poison; the one place that redirect leads to
  std::string redirect;           ///< Location of the 302; empty: a 200 with a page
  double rate = 0;                ///< bits a second
  std::uint64_t bytes = 0;        ///< freeze after so many from the site
  // What came of it.
  std::uint64_t packets_hit = 0, bytes_hit = 0, flows_hit = 0;
  TokenBucket up, down;

  bool matches_remote(const Address& remote, std::uint16_t remote_port) const;
  bool matches_name(const std::string& host) const;
  bool by_name() const { return !name.empty(); }
};

/// Nothing with `why` when the line is no rule.
std::optional<Rule> parse_rule(const std::string& line, std::string& why);

/// "300k", "1.5m", plain numbers.
std::optional<double> parse_amount(const std::string& text);

std::vector<std::string> split_words(const std::string& line);

}  // namespace surang::censor
