// A stranger's first bytes at an obfs4 bridge, and a false bridge's at a client. What comes in pieces has the
// same end as what comes whole; nothing that was not made with the cert, and by the bridge, is believed; and
// what is sealed as a user's would be gets through however it is cut.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "transports/core/user.hpp"
#include "transports/obfs4/handshake.hpp"

using namespace surang;
using namespace surang::obfs4;

namespace {

using View = std::span<const std::uint8_t>;
using Bytes = std::vector<std::uint8_t>;

constexpr std::int64_t kNow = 1800000000;

ServerIdentity make_identity() {
  ServerIdentity server;
  const auto any = make_keypair();
  server.node.public_key = any.public_key;
  server.private_key = any.secret;
  server.node.node_id.fill(9);
  return server;
}

const ServerIdentity& identity() {
  static const auto made = make_identity();
  return made;
}

Bytes mac_of(const Bytes& data) {
  const auto& node = identity().node;
  Bytes key(node.public_key.begin(), node.public_key.end());
  key.insert(key.end(), node.node_id.begin(), node.node_id.end());
  const auto mac = hmac_sha256(key, data);
  return {mac.begin(), mac.begin() + 16};
}

// Mark and MAC behind `body`, of the hour that both ends have.
Bytes sealed(View body) {
  Bytes out(body.begin(), body.end());
  const auto mark = mac_of(Bytes(out.begin(), out.begin() + 32));
  out.insert(out.end(), mark.begin(), mark.end());
  auto input = out;
  const auto hour = std::to_string(kNow / 3600);
  input.insert(input.end(), hour.begin(), hour.end());
  const auto mac = mac_of(input);
  out.insert(out.end(), mac.begin(), mac.end());
  return out;
}

Progress at_server(View all, std::size_t piece) {
  ReplayFilter seen;
  ServerHandshake server(identity());
  for (std::size_t n = 0; n < all.size();) {
    n = std::min(n + piece, all.size());
    const auto progress = server.feed(all.first(n), kNow, seen);
    if (progress != Progress::need_more) return progress;
  }
  return Progress::need_more;
}

// Of a hello that is sealed as it should be.
Progress expected_of(View hello) {
  if (hello.size() > kMaxHello) return Progress::failed;
  if (hello.size() < 141) return Progress::need_more;
  static const auto any = make_keypair();
  Bytes32 representative{};
  std::copy_n(hello.begin(), representative.size(), representative.begin());
  // A key of low order is refused.
  return ntor_server(identity(), any, public_key_of(representative)) ? Progress::done : Progress::failed;
}

struct Outcome {
  Progress progress = Progress::need_more;
  std::size_t consumed = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome at_client(View all, std::size_t piece) {
  ClientHandshake client(identity().node, Shape{}, kNow);
  Outcome out;
  for (std::size_t n = 0; n < all.size() && out.progress == Progress::need_more;) {
    n = std::min(n + piece, all.size());
    out.progress = client.feed(all.first(n), out.consumed);
  }
  return out;
}

// A real server's answer to a real client, cut anywhere, with `more` behind.
void check_real(View more, std::size_t piece) {
  ReplayFilter seen;
  ServerHandshake server(identity());
  ClientHandshake client(identity().node, Shape{}, kNow);
  if (server.feed(client.hello(), kNow, seen) != Progress::done) std::abort();
  auto reply = server.reply();
  const auto size = reply.size();
  reply.insert(reply.end(), more.begin(), more.end());
  auto progress = Progress::need_more;
  std::size_t consumed = 0;
  for (std::size_t n = 0; n < reply.size() && progress == Progress::need_more;) {
    n = std::min(n + piece, reply.size());
    progress = client.feed(View(reply).first(n), consumed);
  }
  if (progress != Progress::done || consumed != size || client.secret() != server.secret()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = 1 + data[0] * 16;
  const View input(data + 1, size - 1);
  if (at_server(input, input.size() + 1) == Progress::done || at_server(input, piece) == Progress::done)
    std::abort();
  const auto whole = at_client(input, input.size() + 1);
  if (whole.progress == Progress::done || at_client(input, piece) != whole) std::abort();
  if (data[0] % 8 == 0) check_real(input, piece);
  if (input.size() < 32) return 0;

  const auto hello = sealed(input);
  const auto expected = expected_of(hello);
  if (at_server(hello, hello.size()) != expected || at_server(hello, piece) != expected) std::abort();
  // A false bridge can seal what it likes, if it has the cert; it cannot make AUTH.
  const auto reply = at_client(hello, hello.size());
  if (reply.progress == Progress::done || at_client(hello, piece) != reply) std::abort();
  return 0;
}
