#include "transports/obfs4/ntor.hpp"

#include <openssl/crypto.h>
#include <sodium.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "transports/obfs4/hmac.hpp"

namespace surang::obfs4 {
namespace {

constexpr std::string_view kProtocol = "ntor-curve25519-sha256-1";
constexpr std::string_view kMac = "ntor-curve25519-sha256-1:mac";
constexpr std::string_view kExtract = "ntor-curve25519-sha256-1:key_extract";
constexpr std::string_view kVerify = "ntor-curve25519-sha256-1:key_verify";
constexpr std::string_view kExpand = "ntor-curve25519-sha256-1:key_expand";

struct Exchanges {
  Bytes32 ephemeral{}, long_term{};
  ~Exchanges() { OPENSSL_cleanse(this, sizeof *this); }
};

// HKDF-SHA256 (RFC 5869).
void expand(const Bytes32& seed, SessionSecret& out) {
  const auto key = Hmac(kExtract).add(seed).finish();
  const Hmac keyed{std::span(key)};
  Bytes32 block{};
  std::size_t done = 0;
  for (std::uint8_t count = 1; done < out.size(); ++count) {
    Hmac next(keyed);
    if (count > 1) next.add(block);
    block = next.add(kExpand).add(std::span(&count, 1)).finish();
    const auto size = std::min(block.size(), out.size() - done);
    std::copy_n(block.begin(), size, out.begin() + static_cast<std::ptrdiff_t>(done));
    done += size;
  }
  OPENSSL_cleanse(block.data(), block.size());
}

NtorResult finish(const NodeIdentity& server, const Exchanges& shared, const Bytes32& client_key,
                  const Bytes32& server_key) {
  const auto add_suffix = [&](Hmac& mac) -> Hmac& {
    return mac.add(server.public_key)
        .add(server.public_key)
        .add(client_key)
        .add(server_key)
        .add(kProtocol)
        .add(server.node_id);
  };
  const auto of_secret = [&](std::string_view key) {
    Hmac mac(key);
    return add_suffix(mac.add(shared.ephemeral).add(shared.long_term)).finish();
  };
  auto seed = of_secret(kExtract);
  const auto verify = of_secret(kVerify);
  NtorResult out;
  Hmac mac(kMac);
  out.auth = add_suffix(mac.add(verify)).add("Server").finish();
  expand(seed, out.secret);
  OPENSSL_cleanse(seed.data(), seed.size());
  return out;
}

// Both multiplications are done, whatever the first yields.
bool exchange(Bytes32& out, const Bytes32& secret, const Bytes32& point) {
  return crypto_scalarmult(out.data(), secret.data(), point.data()) == 0;
}

}  // namespace

std::optional<NtorResult> ntor_client(const NodeIdentity& server, const Keypair& ours,
                                      const Bytes32& theirs) {
  Exchanges shared;
  const bool first = exchange(shared.ephemeral, ours.secret, theirs);
  const bool second = exchange(shared.long_term, ours.secret, server.public_key);
  if (!first || !second) return std::nullopt;
  return finish(server, shared, ours.public_key, theirs);
}

std::optional<NtorResult> ntor_server(const ServerIdentity& server, const Keypair& ours,
                                      const Bytes32& theirs) {
  Exchanges shared;
  const bool first = exchange(shared.ephemeral, ours.secret, theirs);
  const bool second = exchange(shared.long_term, server.private_key, theirs);
  if (!first || !second) return std::nullopt;
  return finish(server.node, shared, theirs, ours.public_key);
}

}  // namespace surang::obfs4
