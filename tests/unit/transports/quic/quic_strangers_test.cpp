// What a bridge says to whoever is no user: nothing.
#include <sodium/randombytes.h>

#include <set>

#include "tests/support/quic_initial.hpp"
#include "tests/unit/transports/quic/quic_rig.hpp"
#include "transports/quic/admission.hpp"
#include "transports/quic/scramble.hpp"

using namespace surang;
using namespace surang::quic_rig;
using asio::ip::udp;

namespace {

struct Prober {
  explicit Prober(QuicRig& r) : rig(r), socket(r.io, udp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
    socket.non_blocking(true);
  }
  void say(std::span<const std::uint8_t> bytes) {
    socket.send_to(asio::buffer(bytes.data(), bytes.size()), {asio::ip::make_address("127.0.0.1"), rig.port});
  }
  // How many bytes came back.
  std::size_t heard() {
    std::size_t sum = 0;
    std::array<std::uint8_t, 65536> block;
    for (;;) {
      udp::endpoint from;
      error_code ec;
      const auto n = socket.receive_from(asio::buffer(block), from, 0, ec);
      if (ec) return sum;
      sum += n + 1;
    }
  }
  QuicRig& rig;
  udp::socket socket;
};

}  // namespace

TEST_CASE("noise, QUIC, and what users said a moment ago get no answer") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    const auto works = co_await rig.echo();
    CHECK(works >= 0ms);
    Prober prober(rig);
    std::vector<std::uint8_t> noise(1500);
    for (std::size_t size = 1; size <= noise.size(); size += 7) {
      randombytes_buf(noise.data(), size);
      prober.say({noise.data(), size});
    }
    // The very first datagram again, whole, cut, bent, and after its session has ended.
    const auto first = rig.line->up.front();
    for (const bool ended : {false, true}) {
      if (ended) {
        co_await rig.dialer->close();
        co_await sleep_for(100ms);
        CHECK(rig.ended.size() == 1);
      }
      prober.say(first);
      for (std::size_t cut = 0; cut < first.size(); cut += 97) prober.say(std::span(first).first(cut + 1));
      for (std::size_t at = 0; at < first.size(); at += 31) {
        auto bent = first;
        bent[at] ^= 0x20;
        prober.say(bent);
      }
      for (const auto& datagram : rig.line->up) prober.say(datagram);
      co_await sleep_for(150ms);
      CHECK(prober.heard() == 0);
    }
    CHECK(rig.counters.replays >= 1);
    CHECK(rig.counters.strangers > 200);
    CHECK(rig.counters.users == 1);
  });
}

TEST_CASE("a first packet of the right form needs a user, the hour, and a place") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.dialer_options.connect_limit = 400ms;
    SUBCASE("an unknown user") {
      rig.make_client(some_user(2));
    }
    SUBCASE("another secret") {
      auto user = some_user(1);
      user.secret[5] ^= 1;
      rig.make_client(user);
    }
    SUBCASE("another bridge") {
      rig.make_client(some_user(1), 5);
    }
    SUBCASE("too many from there") {
      rig.make_client(some_user(1));
      rig.admits = false;
    }
    const auto answer = co_await rig.dialer->check(1s);
    CHECK(answer.has_error());
    CHECK(rig.line->bytes_up > 0);
    CHECK(rig.line->bytes_down == 0);
    CHECK(rig.counters.users == 0);
  });
}

TEST_CASE("before the client has shown that it hears, it is sent no more than three times what it said") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    rig.line->delay = 300ms;
    rig.make_client(some_user(1));
    TaskGroup tasks(rig.io.get_executor());
    const auto ask = [](QuicRig& r) -> asio::awaitable<void> { (void)co_await r.dialer->check(5s); };
    tasks.spawn(ask(rig));
    co_await sleep_for(550ms);  // the first flights of both ends
    CHECK(rig.line->bytes_up >= 1200);
    CHECK(rig.line->bytes_down > 0);
    CHECK(rig.line->bytes_down <= rig.line->bytes_up);
    co_await tasks.join();
  });
}

TEST_CASE("nothing on the line looks like QUIC, and no two connections alike") {
  run([](QuicRig& rig) -> asio::awaitable<void> {
    std::set<std::size_t> first_sizes;
    std::set<std::uint8_t> first_bytes;
    for (int i = 0; i < 12; ++i) {
      rig.make_client(some_user(1));
      rig.line->forget_record();
      const auto works = co_await rig.echo();
      CHECK(works >= 0ms);
      first_sizes.insert(rig.line->up.front().size());
      for (const auto* way : {&rig.line->up, &rig.line->down})
        for (const auto& datagram : *way) {
          first_bytes.insert(datagram[0]);
          static constexpr std::array<std::uint8_t, 4> version{0, 0, 0, 1};
          CHECK(std::ranges::search(datagram, version).empty());
        }
    }
    CHECK(first_sizes.size() > 4);
    CHECK(first_bytes.size() > 40);
  });
}

TEST_CASE("scrambling gives back what was put in, and nothing that was bent passes for long") {
  quic::ScrambleKey key{};
  key.fill(7);
  quic::Scrambler scrambler(key);
  for (std::size_t size : {std::size_t{29}, std::size_t{64}, std::size_t{200}, std::size_t{999},
                           std::size_t{1200}, std::size_t{1400}})
    for (const std::uint8_t first : {0x40, 0xc0}) {
      std::vector<std::uint8_t> room(2048), packet(size);
      randombytes_buf(packet.data(), packet.size());
      packet[0] = first;
      std::ranges::copy(packet, room.begin() + quic::kHead);
      const auto length = scrambler.scramble(room.data(), size, room.size());
      CHECK(length > size);
      const auto back = scrambler.unscramble(std::span(room).first(length));
      REQUIRE(back.has_value());
      CHECK(std::ranges::equal(*back, packet));
    }
}

TEST_CASE("an admission holds for one user, one connection and some minutes") {
  const auto user = some_user(1);
  const std::array<std::uint8_t, 18> connection{1, 2, 3}, other{4};
  const auto minted = quic::Admission::mint(user, 1'700'000'000, connection);
  const auto read = quic::Admission::parse(minted.text());
  REQUIRE(read.has_value());
  CHECK(read->user == user.id);
  CHECK(read->minted == 1'700'000'000);
  CHECK(read->holds(user, connection));
  CHECK(!read->holds(user, other));
  CHECK(!read->holds(some_user(2), connection));
  auto late = *read;
  ++late.minted;
  CHECK(!late.holds(user, connection));
  CHECK(read->in_time(1'700'000'120));
  CHECK(!read->in_time(1'700'000'121));
  CHECK(!read->in_time(1'699'999'879));
  const auto text = minted.text();
  CHECK(!quic::Admission::parse(std::span(text).first(31)));
}
