// What makes an obfs4 bridge the same one after a restart, kept where and as obfs4proxy and lyrebird keep it
// (obfs4_state.json, obfs4_bridgeline.txt), so that one program can take the other's place.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "client/pt/pt_arguments.hpp"
#include "transports/obfs4/drbg.hpp"
#include "transports/obfs4/identity.hpp"
#include "transports/obfs4/obfs4_stream.hpp"

namespace surang::client::pt {

struct Obfs4State {
  obfs4::ServerIdentity identity;
  obfs4::Seed seed{};  ///< of lengths, pauses and the time that strangers wait
  obfs4::IatMode iat = obfs4::IatMode::off;
};

/// Keys of the system's randomness, and a seed that does not crash obfs4proxy.
Obfs4State draw_state();

/// Whether the seed allows for writes of no bytes: in iat-mode 2, obfs4proxy 0.0.14 as such a bridge's
/// client, or as the bridge, ends ("BUG: Write(), iat length was 0") as soon as it draws one.
bool crashes_obfs4proxy(const obfs4::Seed& seed);

/// On Errc::bad_input `why` is a sentence. The public key is always that of the private one.
Result<Obfs4State> parse_state(std::string_view json, std::string& why);
std::string format_state(const Obfs4State& state);
std::string format_bridge_line(const Obfs4State& state);

/// ServerTransportOptions over `state`: "iat-mode", and "node-id", "private-key" and "drbg-seed" together.
Result<Obfs4State> with_options(Obfs4State state, const Arguments& options, std::string& why);

/// The state of `dir`, made where there is none, with `options`; what is new of it is written. The system's
/// error when a file cannot be read or written.
Result<Obfs4State> load_state(const std::filesystem::path& dir, const Arguments& options, std::string& why);

/// How long after the handshake's own limit a stranger is still kept, 0 to 59 s: what obfs4proxy makes of the
/// seed.
std::chrono::seconds patience_of(const obfs4::Seed& seed);

}  // namespace surang::client::pt
