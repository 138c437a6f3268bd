#include "transports/noise/handshake.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sodium.h>

#include <algorithm>
#include <string_view>

#include "transports/core/user.hpp"

namespace surang::noise {
namespace {

constexpr std::string_view kProtocol = "Noise_IK_25519_ChaChaPoly_SHA256";
static_assert(kProtocol.size() == std::tuple_size_v<Key>);  // so it is its own hash (section 5.2)

struct Wiped {
  Key key{};
  ~Wiped() { OPENSSL_cleanse(key.data(), key.size()); }
};

// HKDF with two outputs (section 4.3).
void hkdf(const Key& chaining, std::span<const std::uint8_t> input, Key& first, Key& second) {
  Wiped temporary{hmac_sha256(chaining, input)};
  const std::uint8_t one = 1;
  Key made = hmac_sha256(temporary.key, std::span(&one, 1));
  std::array<std::uint8_t, 33> again{};
  std::ranges::copy(made, again.begin());
  again.back() = 2;
  second = hmac_sha256(temporary.key, again);
  first = made;
  OPENSSL_cleanse(made.data(), made.size());
  OPENSSL_cleanse(again.data(), again.size());
}

Key key_at(std::span<const std::uint8_t> bytes) {
  Key out{};
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return out;
}

}  // namespace

Keypair Keypair::of(const Key& secret) {
  Keypair out;
  out.secret = secret;
  crypto_scalarmult_base(out.public_key.data(), secret.data());
  return out;
}

Keypair Keypair::draw() {
  Wiped secret;
  randombytes_buf(secret.key.data(), secret.key.size());
  return of(secret.key);
}

SymmetricState::SymmetricState(std::span<const std::uint8_t> prologue) {
  std::ranges::copy(kProtocol, hash_.begin());
  chaining_ = hash_;
  mix_hash(prologue);
}

SymmetricState::~SymmetricState() {
  OPENSSL_cleanse(chaining_.data(), chaining_.size());
}

void SymmetricState::mix_hash(std::span<const std::uint8_t> data) {
  Bytes all(hash_.begin(), hash_.end());
  all.insert(all.end(), data.begin(), data.end());
  SHA256(all.data(), all.size(), hash_.data());
}

bool SymmetricState::mix_exchange(const Key& secret, const Key& point) {
  Wiped shared, key;
  if (crypto_scalarmult(shared.key.data(), secret.data(), point.data()) != 0) return false;
  hkdf(chaining_, shared.key, chaining_, key.key);
  cipher_.emplace(key.key);
  return true;
}

void SymmetricState::seal(std::span<const std::uint8_t> plain, Bytes& out) {
  const auto at = out.size();
  out.resize(at + plain.size() + CipherState::kTag);
  cipher_->seal(hash_, plain, out.data() + at);
  mix_hash(std::span(out).subspan(at));
}

std::optional<Bytes> SymmetricState::open(std::span<const std::uint8_t> box) {
  if (box.size() < CipherState::kTag) return std::nullopt;
  Bytes plain(box.size() - CipherState::kTag);
  if (!cipher_->open(hash_, box, plain.data())) return std::nullopt;
  mix_hash(box);
  return plain;
}

Session SymmetricState::split() const {
  Wiped client, server;
  hkdf(chaining_, {}, client.key, server.key);
  Session out{CipherState(client.key), CipherState(server.key), hash_, {}};
  derive_key(chaining_, "noise lengths", out.length_key);
  return out;
}

ClientHandshake::ClientHandshake(std::span<const std::uint8_t> prologue, const Keypair& ours,
                                 const Key& server, const Keypair& ephemeral)
    : state_(prologue), ours_(ours), ephemeral_(ephemeral), server_(server) {
  state_.mix_hash(server_);
}

ClientHandshake::~ClientHandshake() {
  OPENSSL_cleanse(ours_.secret.data(), ours_.secret.size());
  OPENSSL_cleanse(ephemeral_.secret.data(), ephemeral_.secret.size());
}

std::optional<Bytes> ClientHandshake::hello(std::span<const std::uint8_t> payload) {
  Bytes out(ephemeral_.public_key.begin(), ephemeral_.public_key.end());
  state_.mix_hash(ephemeral_.public_key);
  if (!state_.mix_exchange(ephemeral_.secret, server_)) return std::nullopt;
  state_.seal(ours_.public_key, out);
  if (!state_.mix_exchange(ours_.secret, server_)) return std::nullopt;
  state_.seal(payload, out);
  return out;
}

std::optional<Bytes> ClientHandshake::finish(std::span<const std::uint8_t> answer) {
  if (answer.size() < kServerHello) return std::nullopt;
  const Key theirs = key_at(answer);
  state_.mix_hash(theirs);
  if (!state_.mix_exchange(ephemeral_.secret, theirs)) return std::nullopt;
  if (!state_.mix_exchange(ours_.secret, theirs)) return std::nullopt;
  return state_.open(answer.subspan(theirs.size()));
}

ServerHandshake::ServerHandshake(std::span<const std::uint8_t> prologue, const Keypair& ours,
                                 const Keypair& ephemeral)
    : state_(prologue), ours_(ours), ephemeral_(ephemeral) {
  state_.mix_hash(ours_.public_key);
}

ServerHandshake::~ServerHandshake() {
  OPENSSL_cleanse(ours_.secret.data(), ours_.secret.size());
  OPENSSL_cleanse(ephemeral_.secret.data(), ephemeral_.secret.size());
}

std::optional<ServerHandshake::Hello> ServerHandshake::read(std::span<const std::uint8_t> hello) {
  constexpr auto kSealedKey = std::tuple_size_v<Key> + CipherState::kTag;
  if (hello.size() < ClientHandshake::kClientHello) return std::nullopt;
  client_ephemeral_ = key_at(hello);
  hello = hello.subspan(client_ephemeral_.size());
  state_.mix_hash(client_ephemeral_);
  if (!state_.mix_exchange(ours_.secret, client_ephemeral_)) return std::nullopt;
  const auto client = state_.open(hello.first(kSealedKey));
  if (!client) return std::nullopt;
  client_ = key_at(*client);
  if (!state_.mix_exchange(ours_.secret, client_)) return std::nullopt;
  auto payload = state_.open(hello.subspan(kSealedKey));
  if (!payload) return std::nullopt;
  return Hello{client_, std::move(*payload)};
}

std::optional<Bytes> ServerHandshake::answer(std::span<const std::uint8_t> payload) {
  Bytes out(ephemeral_.public_key.begin(), ephemeral_.public_key.end());
  state_.mix_hash(ephemeral_.public_key);
  if (!state_.mix_exchange(ephemeral_.secret, client_ephemeral_)) return std::nullopt;
  if (!state_.mix_exchange(ephemeral_.secret, client_)) return std::nullopt;
  state_.seal(payload, out);
  return out;
}

}  // namespace surang::noise
