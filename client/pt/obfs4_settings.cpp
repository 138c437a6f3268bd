#include "client/pt/obfs4_settings.hpp"

#include <sodium/utils.h>

namespace surang::client::pt {

bool from_hex(std::string_view text, std::span<std::uint8_t> out) {
  std::size_t size = 0;
  const char* end = nullptr;
  return text.size() == 2 * out.size() &&
         sodium_hex2bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end) == 0 &&
         size == out.size() && end == text.data() + text.size();
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  std::string out(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(out.data(), out.size(), bytes.data(), bytes.size());
  out.pop_back();  // the terminating zero
  return out;
}

Result<Obfs4Settings> read_settings(const Arguments& arguments, std::string& why) {
  const auto refuse = [&why](std::string text) {
    why = std::move(text);
    return make_error_code(Errc::bad_input);
  };
  Obfs4Settings out;
  if (arguments.contains("cert")) {
    const auto bridge = obfs4::parse_cert(value_of(arguments, "cert"));
    if (!bridge) return refuse("cert= is not the 70 characters of a bridge's identity");
    out.bridge = *bridge;
  } else {
    if (!from_hex(value_of(arguments, "node-id"), out.bridge.node_id))
      return refuse("there is no cert=, and node-id= is not 40 hex digits");
    if (!from_hex(value_of(arguments, "public-key"), out.bridge.public_key))
      return refuse("public-key= is not 64 hex digits");
  }
  if (arguments.contains("iat-mode")) {
    const auto iat = obfs4::iat_mode_named(value_of(arguments, "iat-mode"));
    if (!iat) return refuse("iat-mode= is not 0, 1 or 2");
    out.iat = *iat;
  }
  const auto name = arguments.contains("shape") ? value_of(arguments, "shape") : "printable";
  const auto shape = obfs4::shape_named(name, out.bridge);
  if (!shape) return refuse("shape= is neither plain nor printable");
  out.shape = *shape;
  return out;
}

}  // namespace surang::client::pt
