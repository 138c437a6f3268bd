// What a bridge's answer about a site, or its absence, makes of what direct showed: blocked here, down for
// everybody, the network gone, or somebody in the site's place. Pure. Used by routing: check, and what is
// learnt behind the browser's back (PROTOCOL.md, control; DETECTION.md, contrast).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/detection/block_pages.hpp"
#include "client/detection/signals.hpp"
#include "transports/tunnel/reach_answer.hpp"

namespace surang::client {

enum class ControlWord {
  says_nothing,         ///< no answer, or one that leaves it open
  open,                 ///< the bridge sees what direct sees: no block
  blocked,              ///< the bridge reaches the site, direct does not
  down,                 ///< the bridge reaches it no more than direct does
  network_down,         ///< neither the site nor the bridge can be reached, nor anything else
  addresses_differ,     ///< the name server here leads elsewhere: a lie is suspected
  certificate_differs,  ///< at the site's address somebody else answers: a man in the middle is suspected
};

/// "blocked", "site_down", ...: for programs.
std::string_view to_string(ControlWord word) noexcept;

/// How the site looked from here.
struct DirectSide {
  Signal signal = Signal::none;  ///< none: an answer that stands came
  std::vector<boost::asio::ip::address>
      addresses;                    ///< that the network's name server gave; none for a literal
  std::optional<bool> certificate;  ///< whether the one shown here verified; nothing when none was looked at
  std::string redirect;             ///< for http_redirect: the registrable domain that it leads to
  bool network_alive = false;       ///< something answered on this network lately
};

ControlWord judge_control(const BlockPages& known, const DirectSide& here,
                          const Result<tunnel::ReachAnswer>& there);

/// The bridge tried and the site did not answer it either: no name, no connection, no handshake.
bool down_there(const tunnel::ReachAnswer& answer) noexcept;

/// The bridge, whose certificate check holds, knows the name by other addresses than the name server here.
bool names_differ(const std::vector<boost::asio::ip::address>& here, const tunnel::ReachAnswer& there);

/// For a person: what the word means, as a whole sentence.
std::string_view describe(ControlWord word) noexcept;
/// What the bridge saw: "reaches it at 93.184.1.10, 12 ms; the certificate verifies".
std::string describe(const Result<tunnel::ReachAnswer>& there);

}  // namespace surang::client
