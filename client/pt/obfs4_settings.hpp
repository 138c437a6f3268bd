// What an obfs4 bridge line says in its arguments: who the bridge is, how traffic is shaped, and, ours alone,
// what the hello looks like. Pure; client_end calls it for each connection.
#pragma once

#include <string>

#include "client/pt/pt_arguments.hpp"
#include "transports/obfs4/identity.hpp"
#include "transports/obfs4/obfs4_stream.hpp"
#include "transports/obfs4/shape.hpp"

namespace surang::client::pt {

struct Obfs4Settings {
  obfs4::NodeIdentity bridge;
  obfs4::IatMode iat = obfs4::IatMode::off;
  obfs4::Shape shape;
};

/// "cert=", or "node-id=" and "public-key=" in hex as bridge lines had them before; "iat-mode=", 0 without
/// it; "shape=plain|printable". There being no user here, printable is the bridge's own: who comes back to
/// one keeps its style. On Errc::bad_input `why` is a sentence for the log.
Result<Obfs4Settings> read_settings(const Arguments& arguments, std::string& why);

/// Hex digits in either case, just as many as `out` takes.
bool from_hex(std::string_view text, std::span<std::uint8_t> out);
std::string to_hex(std::span<const std::uint8_t> bytes);

}  // namespace surang::client::pt
