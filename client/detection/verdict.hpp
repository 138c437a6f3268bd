// What is believed of a host on a network, and what was seen that led to it. Plain data, kept by
// verdict_store; times are unix seconds because they outlive the process.
#pragma once

#include <cstdint>
#include <string>

#include "client/detection/signals.hpp"
#include "client/detection/way.hpp"

namespace surang::client {

using UnixSeconds = std::int64_t;

/// Which addresses were tried. Blocks by name (TLS, HTTP, DNS) hold for both families.
enum class Family : std::uint8_t { any = 0, v4 = 4, v6 = 6 };

enum class Scope : std::uint8_t { host = 0, domain = 1, address = 2, service = 3 };

/// "`subject` does not work directly on `network`; go by `way` until `expires`."
struct Verdict {
  std::string network;  ///< network_id
  std::string subject;  ///< a host, a registrable domain (and all below it), an address, or a service
  Scope scope = Scope::host;
  Family family = Family::any;
  Way way = Way::tunnel;
  Signal signal = Signal::none;  ///< how direct failed
  std::string address;           ///< that was tried when the connection itself failed; may be empty
  UnixSeconds since = 0;         ///< first convicted, through all renewals
  UnixSeconds expires = 0;
  UnixSeconds used = 0;      ///< last time a connection went by it
  int step = 0;              ///< how often it was renewed: where on the ladder of expiries
  UnixSeconds probed = 0;    ///< when direct was last tried by a flight of our own, or convicted
  UnixSeconds probe = 0;     ///< when it is to be tried next
  int probes = 0;            ///< how often it was in vain
  std::uint16_t port = 443;  ///< the port that it was learnt on, for the retest
};

/// One attempt that taught something, for `why`.
struct Evidence {
  UnixSeconds at = 0;
  Way way = Way::direct;
  Signal signal = Signal::none;  ///< none: it worked
  std::string detail;            ///< "after 41 ms", "alert 40"; never a secret
};

}  // namespace surang::client
