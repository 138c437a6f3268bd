#include "transports/tls/ticket.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "transports/core/masked_id.hpp"

namespace surang::tls {
namespace {

using Bytes = std::vector<std::uint8_t>;
using View = std::span<const std::uint8_t>;

constexpr std::string_view kNamePurpose = "ticket name";
constexpr std::size_t kNameSize = 16, kIvSize = 16, kMacSize = 32, kBlock = 16;
constexpr std::int64_t kLifetime = 7200;
constexpr std::size_t kLongestAge = 7;  // of age_add as DER writes it

struct TicketKeys {
  std::array<std::uint8_t, 32> encryption{}, mac{};
  explicit TicketKeys(const UserKey& user) {
    derive_key(user.secret, "ticket encryption", encryption);
    derive_key(user.secret, "ticket mac", mac);
  }
  ~TicketKeys() {
    OPENSSL_cleanse(encryption.data(), encryption.size());
    OPENSSL_cleanse(mac.data(), mac.size());
  }
};

// DER, as far as SSL_SESSION needs it.
void add(Bytes& to, std::uint8_t tag, View content) {
  to.push_back(tag);
  if (content.size() > 255) {
    to.push_back(0x82);
    to.push_back(static_cast<std::uint8_t>(content.size() >> 8));
  } else if (content.size() > 127) {
    to.push_back(0x81);
  }
  to.push_back(static_cast<std::uint8_t>(content.size()));
  to.insert(to.end(), content.begin(), content.end());
}

Bytes tagged(std::uint8_t tag, View content) {
  Bytes out;
  add(out, tag, content);
  return out;
}

Bytes integer(std::int64_t value) {
  Bytes content;
  do {
    content.insert(content.begin(), static_cast<std::uint8_t>(value));
    value >>= 8;
  } while (value != 0);
  if (content.front() & 0x80) content.insert(content.begin(), 0);
  return tagged(0x02, content);
}

Bytes octets(View content) {
  return tagged(0x04, content);
}

constexpr std::uint8_t context(std::uint8_t n) {
  return static_cast<std::uint8_t>(0xa0 | n);
}

std::array<std::uint8_t, 32> sha256(View data) {
  std::array<std::uint8_t, 32> out{};
  SHA256(data.data(), data.size(), out.data());
  return out;
}

Bytes session_der(const SessionSeed& seed, const Bytes* ticket, View filler) {
  constexpr std::array<std::uint8_t, 2> cipher{0x13, 0x01};  // TLS_AES_128_GCM_SHA256: the binder's hash too
  constexpr std::array<std::uint8_t, 2> alpn{'h', '2'};
  Bytes body;
  const auto put = [&body](const Bytes& part) { body.insert(body.end(), part.begin(), part.end()); };
  put(integer(1));
  put(integer(0x0304));
  put(octets(cipher));
  // An id only beside the ticket: OpenSSL starts a session of its own, when the server does not resume, only
  // if the one it offered has an id. Nothing of it is sent.
  put(ticket != nullptr ? octets(sha256(*ticket)) : octets({}));
  put(octets(seed.psk));
  add(body, context(1), integer(seed.time));
  add(body, context(2), integer(kLifetime));
  add(body, context(4), octets({}));
  add(body, context(5), integer(0));
  add(body, context(9), integer(kLifetime));
  if (ticket != nullptr) add(body, context(10), octets(*ticket));
  add(body, context(13), integer(0));
  add(body, context(14), integer(seed.age_add));
  add(body, context(15), integer(kMaxEarlyData));
  add(body, context(16), octets(alpn));
  if (!filler.empty()) add(body, context(18), octets(filler));
  return tagged(0x30, body);
}

// One element: its tag and content; `in` moves behind it. Empty tag 0 when it does not fit.
std::uint8_t next_element(View& in, View& content) {
  if (in.size() < 2) return 0;
  const auto tag = in[0];
  std::size_t head = 2, size = in[1];
  if (size == 0x81 && in.size() > 2) {
    size = in[2];
    head = 3;
  } else if (size == 0x82 && in.size() > 3) {
    size = std::size_t{in[2]} << 8 | in[3];
    head = 4;
  } else if (size > 127) {
    return 0;
  }
  if (in.size() - head < size) return 0;
  content = in.subspan(head, size);
  in = in.subspan(head + size);
  return tag;
}

bool expect(View& in, std::uint8_t tag, View& content) {
  return next_element(in, content) == tag;
}

// The key and the time of a session; false when it is none of ours.
bool read_session(View der, OpenedTicket& out) {
  View body, part, inner;
  if (!expect(der, 0x30, body)) return false;
  for (const std::uint8_t tag : {0x02, 0x02, 0x04, 0x04})
    if (!expect(body, tag, part)) return false;
  if (!expect(body, 0x04, part) || part.size() != out.psk.size()) return false;
  std::copy(part.begin(), part.end(), out.psk.begin());
  if (!expect(body, context(1), part) || !expect(part, 0x02, inner) || inner.empty() || inner.size() > 8)
    return false;
  std::uint64_t time = 0;
  for (const auto b : inner) time = time << 8 | b;
  out.time = static_cast<std::int64_t>(time);
  return out.time >= 0;
}

// AES-256-CBC with the usual padding; empty when it does not decrypt.
Bytes cbc(const std::array<std::uint8_t, 32>& key, View iv, View in, bool encrypt) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> aes(EVP_CIPHER_CTX_new(),
                                                                            EVP_CIPHER_CTX_free);
  Bytes out(in.size() + kBlock);
  int n = 0, last = 0;
  if (!aes || EVP_CipherInit_ex(aes.get(), EVP_aes_256_cbc(), nullptr, key.data(), iv.data(), encrypt) != 1 ||
      EVP_CipherUpdate(aes.get(), out.data(), &n, in.data(), static_cast<int>(in.size())) != 1 ||
      EVP_CipherFinal_ex(aes.get(), out.data() + n, &last) != 1)
    return {};
  out.resize(static_cast<std::size_t>(n) + static_cast<std::size_t>(last));
  return out;
}

// How much longer than needed tickets are, so that their size is no mark of Surang. It is the bridge's, not
// the user's, as a site's tickets have one length for everybody; what age_add leaves over evens that out.
std::size_t filler_size(const std::array<std::uint8_t, 32>& bridge_key, std::uint32_t age_add) {
  std::array<std::uint8_t, 1> shape{};
  derive_key(bridge_key, "ticket filler", shape);
  return 16 + shape[0] % 80 + kLongestAge - integer(age_add).size();
}

// HKDF-Expand-Label of 32 bytes (RFC 8446 7.1).
std::array<std::uint8_t, 32> expand_label(View secret, std::string_view label, View hash) {
  Bytes info{0, 32, static_cast<std::uint8_t>(6 + label.size())};
  for (const auto part : {std::string_view("tls13 "), label})
    info.insert(info.end(), part.begin(), part.end());
  info.push_back(static_cast<std::uint8_t>(hash.size()));
  info.insert(info.end(), hash.begin(), hash.end());
  info.push_back(1);
  return hmac_sha256(secret, info);
}

}  // namespace

SessionSeed draw_session_seed(std::int64_t now) {
  SessionSeed seed;
  const auto draw = [](void* to, std::size_t size) {
    if (RAND_bytes(static_cast<unsigned char*>(to), static_cast<int>(size)) != 1)
      throw std::runtime_error("no random bytes");
  };
  draw(seed.name_salt.data(), seed.name_salt.size());
  draw(seed.iv.data(), seed.iv.size());
  draw(seed.psk.data(), seed.psk.size());
  draw(&seed.age_add, sizeof seed.age_add);
  seed.time = now;
  return seed;
}

MintedSession mint_session(const UserKey& user, const std::array<std::uint8_t, 32>& bridge_key,
                           const SessionSeed& seed) {
  const TicketKeys keys(user);
  const auto key_name = mask_id(user.id, seed.name_salt, bridge_key, kNamePurpose);

  const auto plain = session_der(seed, nullptr, Bytes(filler_size(bridge_key, seed.age_add)));
  const auto sealed = cbc(keys.encryption, seed.iv, plain, true);
  if (sealed.empty()) throw std::runtime_error("AES-256 failed");

  MintedSession minted;
  auto& ticket = minted.ticket;
  ticket.insert(ticket.end(), key_name.begin(), key_name.end());
  ticket.insert(ticket.end(), seed.iv.begin(), seed.iv.end());
  ticket.insert(ticket.end(), sealed.begin(), sealed.end());
  const auto mac = hmac_sha256(keys.mac, ticket);
  ticket.insert(ticket.end(), mac.begin(), mac.end());
  minted.der = session_der(seed, &ticket, {});
  return minted;
}

std::optional<OpenedTicket> open_ticket(View identity, const std::array<std::uint8_t, 32>& bridge_key,
                                        const UserDirectory& users) {
  if (identity.size() < kNameSize + kIvSize + kBlock + kMacSize || identity.size() > 1024) return {};
  const auto sealed = identity.subspan(kNameSize + kIvSize, identity.size() - kNameSize - kIvSize - kMacSize);
  if (sealed.size() % kBlock != 0) return {};
  OpenedTicket out;
  std::copy_n(identity.begin(), kNameSize, out.key_name.begin());
  const auto user = users.find(unmask_id(out.key_name, bridge_key, kNamePurpose));
  if (!user) return {};
  out.user = *user;

  const TicketKeys keys(*user);
  const auto mac = hmac_sha256(keys.mac, identity.first(identity.size() - kMacSize));
  if (CRYPTO_memcmp(mac.data(), identity.last(kMacSize).data(), kMacSize) != 0) return {};
  auto plain = cbc(keys.encryption, identity.subspan(kNameSize, kIvSize), sealed, false);
  const bool read = read_session(plain, out);
  OPENSSL_cleanse(plain.data(), plain.size());
  if (!read) return {};
  return out;
}

bool binder_holds(const ClientHello& hello, const std::array<std::uint8_t, 32>& psk) {
  if (hello.record_version != 0x0301 || hello.psk_binders.size() != 1 ||
      hello.psk_binders[0].size() != kMacSize || hello.binders_at > hello.message.size())
    return false;
  const std::array<std::uint8_t, 32> no_salt{};
  const auto early_secret = hmac_sha256(no_salt, psk);
  const auto binder_key = expand_label(early_secret, "res binder", sha256({}));
  const auto finished_key = expand_label(binder_key, "finished", {});
  const auto binder = hmac_sha256(finished_key, sha256(View(hello.message).first(hello.binders_at)));
  return CRYPTO_memcmp(binder.data(), hello.psk_binders[0].data(), kMacSize) == 0;
}

std::array<std::uint8_t, 32> session_binding(const std::array<std::uint8_t, 32>& psk) {
  std::array<std::uint8_t, 32> out{};
  derive_key(psk, "https binding", out);
  return out;
}

}  // namespace surang::tls
