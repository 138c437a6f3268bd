// What the browser says first, as far as routing needs it: which site it wants and whether it may be said
// twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace surang::client {

struct FirstFlight {
  enum class Kind {
    none,    ///< nothing came in time: a protocol in which the server speaks first
    tls,     ///< a whole ClientHello
    http,    ///< an HTTP/1.x request head (with the body bytes that came along)
    opaque,  ///< anything else
  };
  Kind kind = Kind::none;
  std::vector<std::uint8_t> bytes;
  std::string host;          ///< SNI or Host, lower case; may be empty
  std::string method;        ///< for http
  bool public_only = false;  ///< from a guest, for whom only public addresses are dialled
  bool replayable =
      false;  ///< may be sent by a second way: TLS without early_data; GET, HEAD, OPTIONS without body
};

/// Classifies what has been read so far. `more` says that the flight is not whole yet (an unfinished
/// ClientHello or request head). Pure; at most 32 KiB are looked at, longer ones are opaque.
FirstFlight classify_first_flight(std::vector<std::uint8_t> bytes, bool& more);

}  // namespace surang::client
