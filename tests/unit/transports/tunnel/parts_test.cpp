// The pure parts of the tunnel.
#include <doctest.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <vector>

#include "transports/tunnel/flood_guard.hpp"
#include "transports/tunnel/proof.hpp"
#include "transports/tunnel/proxy_status.hpp"

using namespace surang;
using namespace surang::tunnel;
using namespace std::chrono_literals;

TEST_CASE("the proof is what PROTOCOL.md shows, and holds for one user and one channel") {
  UserKey user;
  for (std::size_t i = 0; i < user.secret.size(); ++i) user.secret[i] = static_cast<std::uint8_t>(i);
  ChannelBinding binding;
  binding.fill(0xAB);
  const auto proof = make_proof(user, binding);
  CHECK(proof == "Surang TgqVM7wPasTpmKCP6k4TbRLcqV54-AFjMB4-mxkAmTQ");
  CHECK(proof_holds(proof, user, binding));
  CHECK_FALSE(proof_holds("", user, binding));
  CHECK_FALSE(proof_holds(proof.substr(0, proof.size() - 1), user, binding));
  CHECK_FALSE(proof_holds(proof + "A", user, binding));
  auto other_channel = binding;
  other_channel[31] ^= 1;
  CHECK_FALSE(proof_holds(proof, user, other_channel));
  auto other_user = user;
  other_user.secret[0] ^= 1;
  CHECK_FALSE(proof_holds(proof, other_user, binding));
}

TEST_CASE("refusals survive the way through Proxy-Status") {
  const std::pair<error_code, Errc> table[] = {
      {boost::asio::error::connection_refused, Errc::destination_refused},
      {make_error_code(Errc::name_not_found), Errc::destination_not_found},
      {make_error_code(Errc::timed_out), Errc::destination_timed_out},
      {boost::asio::error::timed_out, Errc::destination_timed_out},
      {make_error_code(Errc::destination_denied), Errc::destination_denied},
      {make_error_code(Errc::limit), Errc::destination_denied},
      {boost::asio::error::network_unreachable, Errc::destination_unreachable},
      {boost::asio::error::no_memory, Errc::destination_unreachable}};
  for (const auto& [from, to] : table) {
    const auto refusal = refusal_of(from);
    CHECK(refusal.status >= 400);
    CHECK(error_of(refusal.status, refusal.proxy_status) == to);
  }
  CHECK(error_of(502, "other; error=dns_timeout; details=\"x\", next") == Errc::destination_timed_out);
  CHECK(error_of(502, "other; error=connection_refused;x=y") == Errc::destination_refused);
  CHECK(error_of(502, "error=") == Errc::destination_unreachable);
  CHECK(error_of(503, "") == Errc::destination_unreachable);
  CHECK(error_of(504, "") == Errc::destination_timed_out);
  CHECK(error_of(403, "") == Errc::destination_denied);
  CHECK(error_of(407, "") == Errc::proof_refused);
  CHECK(refusal_of(Errc::limit).status == 429);
  CHECK(refusal_of(Errc::destination_denied).proxy_status == "surang; error=destination_ip_prohibited");
}

TEST_CASE("floods are counted by the minute and by kind") {
  using Kind = FloodGuard::Kind;
  FloodGuard guard({.resets = 3, .pings = 1});
  auto now = std::chrono::steady_clock::time_point{} + 1h;
  for (int i = 0; i < 3; ++i) CHECK(guard.admit(Kind::reset, now));
  CHECK_FALSE(guard.admit(Kind::reset, now + 59s));
  CHECK(guard.admit(Kind::ping, now));
  CHECK(guard.admit(Kind::reset, now + 61s));
  for (int i = 0; i < 100; ++i) CHECK(guard.admit(Kind::settings, now));
}
