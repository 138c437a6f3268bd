#include "transports/obfs4/handshake.hpp"

#include <openssl/crypto.h>
#include <sodium.h>

#include <algorithm>

#include "transports/obfs4/draw.hpp"

namespace surang::obfs4 {
namespace {

using View = std::span<const std::uint8_t>;
using Mark = std::array<std::uint8_t, 16>;

constexpr std::size_t kKey = 32, kAuth = 32, kMark = 16, kTail = 2 * kMark;
constexpr std::size_t kSeedFrame = 45;  // follows the server's hello at once and counts into its length
constexpr std::size_t kMostServerPadding = kMaxHello - kKey - kAuth - kTail - kSeedFrame;
constexpr std::size_t kLeastClientPadding = 77;

std::string hour_of(std::int64_t unix_seconds, int off = 0) {
  return std::to_string(unix_seconds / 3600 + off);
}

Hmac keyed_with(const NodeIdentity& node) {
  std::array<std::uint8_t, 52> key{};
  std::ranges::copy(node.node_id, std::ranges::copy(node.public_key, key.begin()).out);
  return Hmac(std::span<const std::uint8_t>(key));
}

Mark cut(const std::array<std::uint8_t, 32>& mac) {
  Mark out{};
  std::copy_n(mac.begin(), out.size(), out.begin());
  return out;
}

Mark mark_of_key(const Hmac& keyed, View representative) {
  return cut(Hmac(keyed).add(representative).finish());
}

bool equal(const Mark& ours, View theirs) {
  return sodium_memcmp(ours.data(), theirs.data(), ours.size()) == 0;
}

Bytes32 first_32(View bytes) {
  Bytes32 out{};
  std::copy_n(bytes.begin(), out.size(), out.begin());
  return out;
}

void append(std::vector<std::uint8_t>& to, View bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

// The end of both hellos: the mark by which the other end finds it, and the MAC.
void seal(std::vector<std::uint8_t>& hello, const Hmac& keyed, const std::string& hour) {
  append(hello, mark_of_key(keyed, View(hello).first(kKey)));
  append(hello, cut(Hmac(keyed).add(View(hello)).add(hour).finish()));
}

}  // namespace

ClientHandshake::ClientHandshake(const NodeIdentity& server, const Shape& shape, std::int64_t unix_seconds)
    : server_(server), keyed_(keyed_with(server)), key_(shaped_keypair(shape)), hour_(hour_of(unix_seconds)) {
  const auto padding = shaped_padding(shape);
  hello_.reserve(kKey + padding.size() + kTail);
  append(hello_, key_.representative);
  append(hello_, padding);
  seal(hello_, keyed_, hour_);
}

ClientHandshake::~ClientHandshake() {
  OPENSSL_cleanse(key_.secret.data(), key_.secret.size());
  OPENSSL_cleanse(secret_.data(), secret_.size());
}

Progress ClientHandshake::feed(View all, std::size_t& consumed) {
  if (progress_ != Progress::need_more || all.size() < kKey + kAuth + kTail) return progress_;
  if (searched_ == 0) {
    mark_ = mark_of_key(keyed_, all.first(kKey));
    searched_ = kKey + kAuth;
  }
  const auto seen = all.first(std::min(all.size(), kMaxHello));
  const auto rest = seen.subspan(searched_);
  const auto found = static_cast<std::size_t>(std::ranges::search(rest, mark_).begin() - rest.begin());
  if (found + kTail <= rest.size()) {
    consumed = searched_ + found + kTail;
    progress_ = verify(all.first(consumed));
  } else {
    if (found == rest.size() && rest.size() >= kMark) searched_ = seen.size() - kMark + 1;
    if (seen.size() == kMaxHello) progress_ = Progress::failed;
  }
  return progress_;
}

Progress ClientHandshake::verify(View hello) {
  const auto mac = cut(Hmac(keyed_).add(hello.first(hello.size() - kMark)).add(hour_).finish());
  if (!equal(mac, hello.last(kMark))) return Progress::failed;
  auto result = ntor_client(server_, key_, public_key_of(first_32(hello)));
  OPENSSL_cleanse(key_.secret.data(), key_.secret.size());
  if (!result || sodium_memcmp(result->auth.data(), hello.data() + kKey, kAuth) != 0) return Progress::failed;
  secret_ = result->secret;
  OPENSSL_cleanse(result->secret.data(), result->secret.size());
  return Progress::done;
}

ServerHandshake::ServerHandshake(const ServerIdentity& server)
    : server_(server), keyed_(keyed_with(server.node)), key_(make_keypair()) {}

ServerHandshake::~ServerHandshake() {
  OPENSSL_cleanse(server_.private_key.data(), server_.private_key.size());
  OPENSSL_cleanse(key_.secret.data(), key_.secret.size());
  OPENSSL_cleanse(result_.secret.data(), result_.secret.size());
}

Progress ServerHandshake::feed(View all, std::int64_t unix_seconds, ReplayFilter& seen) {
  if (progress_ != Progress::need_more || all.size() < kKey + kLeastClientPadding + kTail) return progress_;
  if (all.size() > kMaxHello) return progress_ = Progress::failed;
  if (!mark_known_) {
    mark_ = mark_of_key(keyed_, all.first(kKey));
    mark_known_ = true;
  }
  // A client says nothing behind its hello before it is answered, so only the end can be one.
  if (equal(mark_, all.last(kTail).first(kMark)))
    progress_ = verify(all, unix_seconds, seen);
  else if (all.size() == kMaxHello)
    progress_ = Progress::failed;
  return progress_;
}

Progress ServerHandshake::verify(View hello, std::int64_t unix_seconds, ReplayFilter& seen) {
  Hmac body(keyed_);
  body.add(hello.first(hello.size() - kMark));
  const auto theirs = hello.last(kMark);
  // All three hours are tried whichever it is.
  for (const int off : {0, -1, 1}) {
    auto hour = hour_of(unix_seconds, off);
    const auto mac = cut(Hmac(body).add(hour).finish());
    if (equal(mac, theirs)) hour_ = std::move(hour);
  }
  if (hour_.empty()) return Progress::failed;
  Mark mac{};
  std::ranges::copy(theirs, mac.begin());
  if (!seen.insert(mac, unix_seconds)) return Progress::failed;
  auto result = ntor_server(server_, key_, public_key_of(first_32(hello)));
  OPENSSL_cleanse(key_.secret.data(), key_.secret.size());
  if (!result) return Progress::failed;
  result_ = *result;
  OPENSSL_cleanse(result->secret.data(), result->secret.size());
  return Progress::done;
}

std::vector<std::uint8_t> ServerHandshake::reply() const {
  const auto padding = draw_between(0, kMostServerPadding);
  std::vector<std::uint8_t> out;
  out.reserve(kKey + kAuth + padding + kTail + kSeedFrame);
  append(out, key_.representative);
  append(out, result_.auth);
  out.resize(out.size() + padding);
  draw(std::span(out).last(padding));
  seal(out, keyed_, hour_);
  return out;
}

}  // namespace surang::obfs4
