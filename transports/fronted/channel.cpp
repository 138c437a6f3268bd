#include "transports/fronted/channel.hpp"

#include <openssl/crypto.h>
#include <sodium.h>

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <memory>
#include <string_view>

namespace surang::fronted {
namespace {

using noise::Bytes;
using noise::Key;

constexpr std::uint8_t kVersion = 1;
constexpr std::uint32_t kMostHelloPadding = 256;
constexpr std::size_t kMostRest = 1024;
constexpr std::chrono::seconds kFillerAfter{30};  // edges cut at 60 s and more

// Both messages begin with a key. Their lengths follow it, hidden by what only who knows the bridge can tell.
std::uint16_t length_mask(const Key& bridge_key, std::span<const std::uint8_t> ephemeral) {
  std::array<std::uint8_t, 32> key{};
  derive_key(bridge_key, "fronted hello", key);
  return boost::endian::load_big_u16(hmac_sha256(key, ephemeral).data());
}

Bytes framed(const Bytes& message, const Key& bridge_key) {
  const auto rest = std::span(message).subspan(std::tuple_size_v<Key>);
  Bytes out(message.begin(), message.end() - static_cast<std::ptrdiff_t>(rest.size()));
  const auto mask = length_mask(bridge_key, out);
  out.resize(out.size() + 2);
  boost::endian::store_big_u16(out.data() + out.size() - 2, static_cast<std::uint16_t>(rest.size() ^ mask));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

asio::awaitable<Result<Bytes>> read_message(Stream& raw, Key bridge_key) {
  Bytes message(std::tuple_size_v<Key> + 2);
  auto got = co_await raw.read_exactly(asio::buffer(message));
  if (!got) co_return got.error();
  const std::size_t masked = boost::endian::load_big_u16(message.data() + message.size() - 2);
  message.resize(message.size() - 2);
  const std::size_t size = masked ^ length_mask(bridge_key, message);
  if (size > kMostRest) co_return make_error_code(Errc::protocol);
  const auto at = message.size();
  message.resize(at + size);
  got = co_await raw.read_exactly(asio::buffer(message.data() + at, size));
  if (!got) co_return got.error();
  co_return std::move(message);
}

// The version, and more so that no length is the same.
Bytes payload() {
  Bytes out(1 + randombytes_uniform(kMostHelloPadding));
  out[0] = kVersion;
  return out;
}

bool is_known(const std::optional<Bytes>& payload) {
  return payload && !payload->empty() && payload->front() == kVersion;
}

Bytes prologue(const SessionName& session) {
  constexpr std::string_view kName = "surang fronted";
  Bytes out(kName.begin(), kName.end());
  out.insert(out.end(), session.begin(), session.end());
  return out;
}

Authenticated authenticated(StreamPtr raw, const UserId& user, noise::Session session, noise::Role role) {
  noise::StreamOptions options;
  options.filler_after = kFillerAfter;
  Authenticated out;
  out.user = user;
  out.binding = session.hash;
  out.stream = noise::make_stream(std::move(raw), std::move(session), role, options);
  return out;
}

}  // namespace

noise::Keypair static_keys(const UserKey& user) {
  Key secret{};
  derive_key(user.secret, "fronted static", secret);
  const auto out = noise::Keypair::of(secret);
  OPENSSL_cleanse(secret.data(), secret.size());
  return out;
}

asio::awaitable<Result<Authenticated>> connect_channel(StreamPtr raw, UserKey user, Key bridge_key,
                                                       SessionName session) {
  noise::ClientHandshake handshake(prologue(session), static_keys(user), bridge_key);
  const auto hello = handshake.hello(payload());
  if (!hello) co_return make_error_code(Errc::bad_input);
  const auto message = framed(*hello, bridge_key);
  const auto sent = co_await raw->write_all(asio::buffer(message));
  if (!sent) co_return sent.error();
  const auto answer = co_await read_message(*raw, bridge_key);
  if (!answer) co_return answer.error();
  if (!is_known(handshake.finish(*answer))) co_return make_error_code(Errc::protocol);
  co_return authenticated(std::move(raw), user.id, handshake.session(), noise::Role::client);
}

asio::awaitable<Result<Authenticated>> accept_channel(StreamPtr raw, UserKey user, noise::Keypair bridge,
                                                      SessionName session) {
  noise::ServerHandshake handshake(prologue(session), bridge);
  const auto hello = co_await read_message(*raw, bridge.public_key);
  if (!hello) co_return hello.error();
  const auto heard = handshake.read(*hello);
  if (!heard || !is_known(heard->payload)) co_return make_error_code(Errc::protocol);
  if (heard->client != static_keys(user).public_key) co_return make_error_code(Errc::proof_refused);
  const auto answer = handshake.answer(payload());
  if (!answer) co_return make_error_code(Errc::protocol);
  const auto message = framed(*answer, bridge.public_key);
  const auto sent = co_await raw->write_all(asio::buffer(message));
  if (!sent) co_return sent.error();
  co_return authenticated(std::move(raw), user.id, handshake.session(), noise::Role::server);
}

}  // namespace surang::fronted
