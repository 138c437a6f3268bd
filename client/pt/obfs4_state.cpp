#include "client/pt/obfs4_state.hpp"

#include <sodium.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "client/pt/obfs4_settings.hpp"
#include "config/private_file.hpp"
#include "transports/obfs4/length_distribution.hpp"

namespace surang::client::pt {
namespace {

namespace json = boost::json;

constexpr std::uint32_t kMostPatience = 60;

constexpr std::string_view kBridgeLineHead =
    "# What a client writes into its torrc to use this bridge. The program makes this file anew at every\n"
    "# start: changes to it are lost. Put in yourself:\n"
    "#  <IP ADDRESS>  the bridge's public address\n"
    "#  <PORT>        its TCP port\n"
    "#  <FINGERPRINT> the fingerprint of its Tor\n"
    "\n";

char digit_of(obfs4::IatMode iat) {
  return static_cast<char>('0' + static_cast<int>(iat));
}

void find_public_key(obfs4::ServerIdentity& identity) {
  crypto_scalarmult_base(identity.node.public_key.data(), identity.private_key.data());
}

// obfs4proxy takes the first 24 bytes of a longer one.
bool read_seed(std::string_view hex, obfs4::Seed& seed) {
  return hex.size() >= 2 * seed.size() && from_hex(hex.substr(0, 2 * seed.size()), seed);
}

// Says which value is wrong.
std::string_view read_keys(std::string_view node_id, std::string_view private_key, std::string_view seed,
                           Obfs4State& out) {
  if (!from_hex(node_id, out.identity.node.node_id)) return "node-id is not 40 hex digits";
  if (!from_hex(private_key, out.identity.private_key)) return "private-key is not 64 hex digits";
  if (!read_seed(seed, out.seed)) return "drbg-seed is not 48 hex digits";
  find_public_key(out.identity);
  return {};
}

std::string_view text_in(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

}  // namespace

bool crashes_obfs4proxy(const obfs4::Seed& seed) {
  const obfs4::Shaping shaping(seed);
  return std::ranges::any_of(shaping.length.table(), [](const auto& column) { return column.value == 0; });
}

Obfs4State draw_state() {
  Obfs4State out;
  randombytes_buf(out.identity.node.node_id.data(), out.identity.node.node_id.size());
  randombytes_buf(out.identity.private_key.data(), out.identity.private_key.size());
  do randombytes_buf(out.seed.data(), out.seed.size());
  while (crashes_obfs4proxy(out.seed));
  find_public_key(out.identity);
  return out;
}

Result<Obfs4State> parse_state(std::string_view text, std::string& why) {
  const auto refuse = [&why](std::string_view what) {
    why = what;
    return make_error_code(Errc::bad_input);
  };
  boost::system::error_code ec;
  const auto value = json::parse(text, ec);
  if (ec || !value.is_object()) return refuse("it is no JSON object");
  const auto& object = value.get_object();
  Obfs4State out;
  const auto problem = read_keys(text_in(object, "node-id"), text_in(object, "private-key"),
                                 text_in(object, "drbg-seed"), out);
  if (!problem.empty()) return refuse(problem);
  if (const auto* iat = object.if_contains("iat-mode")) {
    const auto* number = iat->if_int64();
    if (!number || *number < 0 || *number > 2) return refuse("iat-mode is not 0, 1 or 2");
    out.iat = static_cast<obfs4::IatMode>(*number);
  }
  return out;
}

std::string format_state(const Obfs4State& state) {
  const auto& node = state.identity.node;
  return json::serialize(json::object{{"node-id", to_hex(node.node_id)},
                                      {"private-key", to_hex(state.identity.private_key)},
                                      {"public-key", to_hex(node.public_key)},
                                      {"drbg-seed", to_hex(state.seed)},
                                      {"iat-mode", static_cast<int>(state.iat)}});
}

std::string format_bridge_line(const Obfs4State& state) {
  return std::string(kBridgeLineHead) +
         "Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> cert=" + obfs4::format_cert(state.identity.node) +
         " iat-mode=" + digit_of(state.iat) + '\n';
}

Result<Obfs4State> with_options(Obfs4State state, const Arguments& options, std::string& why) {
  const auto refuse = [&why](std::string_view what) {
    why = what;
    return make_error_code(Errc::bad_input);
  };
  const auto given = static_cast<int>(options.contains("node-id")) +
                     static_cast<int>(options.contains("private-key")) +
                     static_cast<int>(options.contains("drbg-seed"));
  if (given != 0 && given != 3) return refuse("node-id, private-key and drbg-seed must be given together");
  if (given == 3) {
    const auto problem = read_keys(value_of(options, "node-id"), value_of(options, "private-key"),
                                   value_of(options, "drbg-seed"), state);
    if (!problem.empty()) return refuse(problem);
  }
  if (options.contains("iat-mode")) {
    const auto iat = obfs4::iat_mode_named(value_of(options, "iat-mode"));
    if (!iat) return refuse("iat-mode is not 0, 1 or 2");
    state.iat = *iat;
  }
  return state;
}

Result<Obfs4State> load_state(const std::filesystem::path& dir, const Arguments& options, std::string& why) {
  const auto file = dir / "obfs4_state.json";
  const auto content = config::read_file(file);
  Result<Obfs4State> state =
      content.has_error() ? Result<Obfs4State>(content.error()) : parse_state(*content, why);
  if (content.has_error() && content.error() == std::errc::no_such_file_or_directory) state = draw_state();
  // What the options replace whole need not be readable.
  if (state.has_error() && state.error() == Errc::bad_input && options.contains("private-key"))
    state = draw_state();
  if (!state) {
    why = "cannot use " + file.string() + ": " + (why.empty() ? state.error().message() : why);
    return state.error();
  }
  state = with_options(*state, options, why);
  if (!state) return state.error();
  const auto write = [&why](const std::filesystem::path& to, const std::string& text) {
    auto written = config::write_private_file(to, text);
    if (!written) why = "cannot write " + to.string() + ": " + written.error().message();
    return written;
  };
  const auto text = format_state(*state);
  if (content.has_error() || *content != text)
    if (const auto written = write(file, text); !written) return written.error();
  if (const auto written = write(dir / "obfs4_bridgeline.txt", format_bridge_line(*state)); !written)
    return written.error();
  return state;
}

std::chrono::seconds patience_of(const obfs4::Seed& seed) {
  // As Go's math/rand draws a number below 60 from such a source: 31 bits at a time, without those at the end
  // that would make some numbers likelier.
  constexpr std::uint32_t kRange = std::uint32_t{1} << 31;
  constexpr std::uint32_t kLast = kRange - 1 - kRange % kMostPatience;
  obfs4::Drbg drbg(seed);
  std::uint32_t drawn = 0;
  do drawn = static_cast<std::uint32_t>(drbg.next() >> 32) & (kRange - 1);
  while (drawn > kLast);
  return std::chrono::seconds(drawn % kMostPatience);
}

}  // namespace surang::client::pt
