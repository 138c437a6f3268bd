#include "bridge-server/keys.hpp"

#include <sodium.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <span>
#include <stdexcept>

#include "config/private_file.hpp"

namespace surang::bridge {
namespace {

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string text(bytes.size() * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
  text.pop_back();
  return text;
}

bool from_hex(const boost::json::object& from, std::string_view key, std::span<std::uint8_t> into) {
  const auto* value = from.if_contains(key);
  if (!value || !value->is_string()) return false;
  const std::string_view text = value->get_string();
  std::size_t size = 0;
  return sodium_hex2bin(into.data(), into.size(), text.data(), text.size(), nullptr, &size, nullptr) == 0 &&
         size == into.size() && text.size() == 2 * size;
}

void derive_public(BridgeKeys& keys) {
  if (crypto_scalarmult_base(keys.public_key.data(), keys.private_key.data()) != 0)
    throw std::runtime_error("X25519 failed");
}

}  // namespace

BridgeKeys make_bridge_keys() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium did not start");
  BridgeKeys keys;
  randombytes_buf(keys.private_key.data(), keys.private_key.size());
  randombytes_buf(keys.node_id.data(), keys.node_id.size());
  randombytes_buf(keys.secret.data(), keys.secret.size());
  derive_public(keys);
  return keys;
}

std::filesystem::path keys_file(const std::filesystem::path& state_dir) {
  return state_dir / "keys.json";
}
std::filesystem::path users_file(const std::filesystem::path& state_dir) {
  return state_dir / "users.db";
}
std::filesystem::path control_socket(const std::filesystem::path& state_dir) {
  return state_dir / "control.sock";
}

Result<BridgeKeys> load_bridge_keys(const std::filesystem::path& file, std::string& why) {
  const auto text = config::read_file(file);
  if (!text) {
    why = file.string() + ": " + text.error().message();
    return text.error();
  }
  boost::system::error_code ec;
  const auto value = boost::json::parse(*text, ec);
  BridgeKeys keys;
  if (ec || !value.is_object() || !from_hex(value.get_object(), "private_key", keys.private_key) ||
      !from_hex(value.get_object(), "node_id", keys.node_id) ||
      !from_hex(value.get_object(), "secret", keys.secret)) {
    why = file.string() + ": the bridge's keys are damaged";
    return make_error_code(Errc::bad_input);
  }
  derive_public(keys);
  return keys;
}

Result<void> save_bridge_keys(const std::filesystem::path& file, const BridgeKeys& keys) {
  const boost::json::object object{
      {"private_key", hex(keys.private_key)}, {"node_id", hex(keys.node_id)}, {"secret", hex(keys.secret)}};
  return config::write_private_file(file, boost::json::serialize(object) + "\n");
}

}  // namespace surang::bridge
