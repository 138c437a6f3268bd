#include "transports/obfs4/identity.hpp"

#include <sodium.h>

#include <algorithm>

namespace surang::obfs4 {
namespace {

using Raw = std::array<std::uint8_t, 52>;

}  // namespace

Result<NodeIdentity> parse_cert(std::string_view cert) {
  if (cert.ends_with("==")) cert.remove_suffix(2);
  Raw raw{};
  std::size_t size = 0;
  const char* end = nullptr;
  const bool decoded = sodium_base642bin(raw.data(), raw.size(), cert.data(), cert.size(), nullptr, &size,
                                         &end, sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0;
  if (!decoded || end != cert.data() + cert.size() || size != raw.size())
    return make_error_code(Errc::bad_input);
  NodeIdentity node;
  std::copy_n(raw.begin(), node.node_id.size(), node.node_id.begin());
  std::copy_n(raw.begin() + node.node_id.size(), node.public_key.size(), node.public_key.begin());
  // What libsodium 1.0.18 makes of bytes above ASCII is not base64.
  if (format_cert(node) != cert) return make_error_code(Errc::bad_input);
  return node;
}

std::string format_cert(const NodeIdentity& node) {
  Raw raw{};
  std::ranges::copy(node.public_key, std::ranges::copy(node.node_id, raw.begin()).out);
  constexpr auto kVariant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  std::string text(sodium_base64_ENCODED_LEN(raw.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), raw.data(), raw.size(), kVariant);
  text.pop_back();
  return text;
}

}  // namespace surang::obfs4
