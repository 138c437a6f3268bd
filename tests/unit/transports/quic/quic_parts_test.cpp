// The pure parts of quic, with the vectors of PROTOCOL.md.
#include <doctest.h>

#include <boost/asio/error.hpp>
#include <string>

#include "tests/support/hex.hpp"
#include "transports/quic/admission.hpp"
#include "transports/quic/pace.hpp"
#include "transports/quic/request.hpp"
#include "transports/quic/scramble.hpp"
#include "transports/quic/send_buffer.hpp"
#include "transports/quic/startup.hpp"

using namespace surang;
using namespace surang::quic;

namespace {

std::string text(const SendBuffer& buffer) {
  std::array<std::span<const std::uint8_t>, 64> pieces;
  std::string out;
  for (std::size_t i = 0, count = buffer.unsent(pieces); i < count; ++i)
    out.append(pieces[i].begin(), pieces[i].end());
  return out;
}

std::span<const std::uint8_t> bytes(std::string_view from) {
  return {reinterpret_cast<const std::uint8_t*>(from.data()), from.size()};
}

}  // namespace

TEST_CASE("vectors: the scrambled packet, the admission, the request") {
  const auto key = scramble_key(test::counting<32>(0x40));
  auto datagram = test::bytes_from_hex(
      "09a40c66b775e7921fb878dd74593b5fbf1f59071c890e9a676dc7a9651c1d1e1f2021222324252627");
  const auto packet = Scrambler(key).unscramble(datagram);
  REQUIRE(packet.has_value());
  CHECK(test::hex(*packet) ==
        "400102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627");

  UserKey user;
  user.id.bytes = test::counting<8>(0x10);
  user.secret = test::counting<32>(0);
  const auto minted = Admission::mint(user, 1'700'000'000, test::counting<18>(0x80));
  CHECK(test::hex(minted.text()) == "1011121314151617000000006553f10065d104e47e4f682e3fbe7f2039a7092f");

  std::vector<std::uint8_t> request;
  append(request, {Request::Kind::connection, *Endpoint::parse("x.com:443")});
  CHECK(test::hex(request) == "010305782e636f6d01bb");
}

TEST_CASE("a request is read in whatever pieces it comes, and what follows it is left") {
  for (const auto& [written, kind, to] :
       {std::tuple("010305782e636f6d01bb", Request::Kind::connection, "x.com:443"),
        std::tuple("0101c0000207003500", Request::Kind::connection, "192.0.2.7:53"),
        std::tuple("030420010db8000000000000000000000001"
                   "01bb",
                   Request::Kind::question, "[2001:db8::1]:443")}) {
    auto whole = test::bytes_from_hex(written);
    const std::string rest = "rest";
    whole.insert(whole.end(), rest.begin(), rest.end());
    std::span<const std::uint8_t> input(whole);
    RequestReader reader;
    auto state = RequestReader::State::more;
    while (state == RequestReader::State::more) {
      auto one = input.first(1);
      state = reader.take(one);
      if (one.empty()) input = input.subspan(1);
    }
    REQUIRE(state == RequestReader::State::whole);
    CHECK(reader.request().kind == kind);
    CHECK(reader.request().to.to_string() == to);
  }
  for (const auto* bad : {"00", "05", "010205",
                          "010300"
                          "0050",
                          "0101c00002070000"}) {
    const auto whole = test::bytes_from_hex(bad);
    std::span<const std::uint8_t> input(whole);
    RequestReader reader;
    CHECK(reader.take(input) == RequestReader::State::bad);
  }
}

TEST_CASE("every refusal comes back as what it was") {
  for (const auto why : {Errc::destination_not_found, Errc::destination_refused,
                         Errc::destination_unreachable, Errc::destination_timed_out, Errc::destination_denied,
                         Errc::limit, Errc::protocol, Errc::unprocessed, Errc::no_route})
    CHECK(refusal(refusal_byte(make_error_code(why))) == why);
  CHECK(refusal(refusal_byte(boost::asio::error::connection_refused)) == Errc::destination_refused);
  CHECK(refusal(refusal_byte(boost::asio::error::host_unreachable)) == Errc::destination_unreachable);
  CHECK(refusal(refusal_byte(boost::asio::error::timed_out)) == Errc::destination_timed_out);
  CHECK(refusal(refusal_byte(make_error_code(Errc::name_not_found))) == Errc::destination_not_found);
  CHECK(refusal(200) == Errc::no_route);
}

TEST_CASE("a send buffer gives what was not sent, keeps what was not acknowledged, and can say it again") {
  SendBuffer buffer;
  CHECK(buffer.empty());
  buffer.append(bytes("hello "));
  buffer.append(bytes("world"));
  CHECK(buffer.waiting() == 11);
  CHECK(text(buffer) == "hello world");
  buffer.sent(6);
  CHECK(text(buffer) == "world");
  buffer.acknowledged(2);
  CHECK(text(buffer) == "world");
  buffer.rewind();
  CHECK(text(buffer) == "llo world");
  buffer.sent(9);
  CHECK(buffer.waiting() == 0);
  CHECK(!buffer.empty());
  buffer.acknowledged(9);
  CHECK(buffer.empty());

  std::string long_text(100'000, '\0');
  for (std::size_t i = 0; i < long_text.size(); ++i) long_text[i] = static_cast<char>(i * 31 >> 3);
  for (std::size_t at = 0; at < long_text.size(); at += 700)
    buffer.append(bytes(std::string_view(long_text).substr(at, 700)));
  CHECK(text(buffer) == long_text);
  for (std::size_t at = 0; at < long_text.size();) {
    const auto n = std::min<std::size_t>(1200, long_text.size() - at);
    CHECK(text(buffer) == long_text.substr(at));
    buffer.sent(n);
    buffer.acknowledged(n);
    at += n;
  }
  CHECK(buffer.empty());
}

TEST_CASE("a pace holds for who sends early and for who is woken late, and not for who had nothing to send") {
  constexpr ngtcp2_tstamp kMs = NGTCP2_MILLISECONDS;
  constexpr double kRate = 1000.0 / kMs;  // so that 3000 bytes take 3 ms
  Pace pace;
  CHECK(pace.sent(3000, true, false, 100 * kMs, kRate) == 100 * kMs);
  CHECK(pace.sent(3000, true, false, 102 * kMs, kRate) == 103 * kMs);  // early: a debt
  CHECK(pace.sent(3000, true, false, 108 * kMs, kRate) == 106 * kMs);  // late: made up for
  CHECK(pace.sent(3000, true, false, 500 * kMs, kRate) == 490 * kMs);  // within bounds
  pace.rest(492 * kMs);                                                // held back by the pace still
  CHECK(pace.sent(3000, false, false, 494 * kMs, kRate) == 493 * kMs);
  CHECK(pace.sent(3000, true, false, 495 * kMs, kRate) == 496 * kMs);
  pace.rest(500 * kMs);
  CHECK(pace.sent(3000, true, false, 503 * kMs, kRate) == 503 * kMs);
  CHECK(pace.sent(3000, false, false, 506 * kMs, 0) == 506 * kMs);  // no pace yet
  CHECK(pace.sent(3000, false, false, 506 * kMs, kRate) == 506 * kMs);
  CHECK(pace.sent(3000, true, true, 508 * kMs, kRate) == 508 * kMs);  // early, into an empty path: no debt
  CHECK(pace.sent(3000, true, true, 515 * kMs, kRate) == 511 * kMs);
}

TEST_CASE("Startup goes on while what is delivered grows and nothing queues up") {
  constexpr ngtcp2_duration kMs = NGTCP2_MILLISECONDS, kRtt = 100 * kMs;
  constexpr double kRate = 0.001, kPaced = 2.89 * kRate;
  Startup startup;
  CHECK_FALSE(startup.goes_on(kPaced, 0, kRtt, kRtt, 1000 * kMs));  // nothing is known yet
  CHECK(startup.goes_on(kPaced, kRate, kRtt, kRtt, 1000 * kMs));
  CHECK_FALSE(startup.goes_on(kPaced, kRate, kRtt + 20 * kMs, kRtt, 1100 * kMs));  // a queue
  CHECK(startup.goes_on(kPaced, 1.1 * kRate, kRtt, kRtt, 1799 * kMs));
  CHECK_FALSE(startup.goes_on(kPaced, 1.1 * kRate, kRtt, kRtt, 1800 * kMs));  // it grows no more
  CHECK(startup.goes_on(1.5 * kPaced, 1.5 * kRate, kRtt, kRtt, 1900 * kMs));
  CHECK_FALSE(startup.over());
  CHECK_FALSE(startup.goes_on(1.5 * kRate, 1.5 * kRate, kRtt, kRtt, 1900 * kMs));
  CHECK(startup.over());
  CHECK_FALSE(startup.goes_on(2 * kPaced, 2 * kRate, kRtt, kRtt, 2000 * kMs));
}
