// The record tracker at every chunking, and what counts as frozen, slow or refused, with given times.
#include "client/detection/progress.hpp"

#include <doctest.h>

#include <string>
#include <string_view>
#include <vector>

using namespace surang::client;
using namespace std::chrono_literals;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes record(std::uint8_t type, std::size_t size) {
  Bytes bytes{type, 3, 3, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  bytes.insert(bytes.end(), size, 0x5A);
  return bytes;
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A connection in a time of its own. Bytes come to a reader that waits, unless told otherwise.
struct ProgressScript {
  explicit ProgressScript(std::chrono::milliseconds rtt = 40ms,
                          FirstFlight::Kind kind = FirstFlight::Kind::tls)
      : progress(kind, 500, rtt, now) {}

  Clock::time_point now{100s};
  Progress progress;

  void comes(const Bytes& bytes) {
    progress.from_site(bytes, now);
    progress.waits(now);
  }
  // `bytes` over `time`, in pieces of 1400.
  void streams(const Bytes& bytes, Clock::duration time) {
    const auto pieces = (bytes.size() + 1399) / 1400;
    for (std::size_t i = 0; i < pieces; ++i) {
      now += time / static_cast<int>(pieces);
      const auto n = std::min<std::size_t>(1400, bytes.size() - i * 1400);
      comes(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(i * 1400),
                  bytes.begin() + static_cast<std::ptrdiff_t>(i * 1400 + n)));
    }
  }
  void asks(std::size_t size = 120) { progress.to_site(record(23, size), now); }
  Stall after(Clock::duration d) { return progress.stall(now + d); }
};

Bytes half(std::size_t size) {
  auto bytes = record(23, size);
  bytes.resize(bytes.size() / 2);
  return bytes;
}

const Goodput kOthers{1e6, 40e3};

}  // namespace

TEST_CASE("the record tracker says the same of every chunking") {
  const Bytes bytes = record(22, 90) + record(20, 1) + record(23, 0) + record(23, 300) + half(100);
  std::vector<bool> inside;  // after each byte
  {
    RecordTracker t;
    for (const auto b : bytes) {
      t.feed({&b, 1});
      inside.push_back(t.in_record());
    }
    CHECK(t.records() == 4);
  }
  CHECK(!inside[94]);  // the first record is whole
  CHECK(inside[95]);
  CHECK(inside.back());
  for (std::size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    RecordTracker t;
    for (std::size_t at = 0; at < bytes.size(); at += chunk) {
      const auto n = std::min(chunk, bytes.size() - at);
      t.feed(std::span(bytes).subspan(at, n));
      CHECK(t.known());
      CHECK(t.in_record() == inside[at + n - 1]);
    }
    CHECK(t.records() == 4);
  }
}

TEST_CASE("the record tracker knows garbage, and knows nothing from then on") {
  for (const std::string text : {"HTTP/1.1 200 OK", "\x16\x03\x03\xff\xff", "\x19\x03\x03\x01\x01"}) {
    RecordTracker t;
    t.feed({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    CHECK(!t.known());
    CHECK(!t.in_record());
    t.feed(record(23, 10));
    CHECK(!t.known());
  }
}

TEST_CASE("a refused certificate is an alert and nothing else") {
  const Bytes spec = record(20, 1);
  auto change = spec;
  change[5] = 1;
  for (const int about : {42, 43, 44, 45, 46, 48}) {
    const Bytes alert{21, 3, 3, 0, 2, 2, static_cast<std::uint8_t>(about)};
    CHECK(refuses_certificate(alert));
    for (std::size_t n = 0; n < alert.size(); ++n) CHECK(!refuses_certificate(std::span(alert).first(n)));
    CHECK(!refuses_certificate(alert + Bytes{21}));
  }
  for (const int other : {0, 40, 47, 70, 80, 90}) {
    const Bytes alert{21, 3, 3, 0, 2, 2, static_cast<std::uint8_t>(other)};
    CHECK(!refuses_certificate(alert));
  }
  CHECK(refuses_certificate(record(23, 19)));
  CHECK(refuses_certificate(change + record(23, 19)));
  CHECK(!refuses_certificate(change));
  CHECK(!refuses_certificate(change + record(23, 53)));  // a Finished
  CHECK(!refuses_certificate(change + record(23, 19) + record(23, 100)));
  CHECK(!refuses_certificate({}));

  ProgressScript s;
  s.progress.to_site(change + record(23, 19), s.now);
  CHECK(!s.progress.certificate_refused());  // of what?
  s.comes(record(22, 90));
  CHECK(s.progress.certificate_refused());
  s.asks();
  CHECK(!s.progress.certificate_refused());
}

TEST_CASE("a connection that stands still in the middle of a record is frozen") {
  ProgressScript s;
  s.comes(record(22, 90) + record(23, 3000) + half(16000));
  CHECK(s.after(2900ms) == Stall::none);
  CHECK(s.after(3000ms) == Stall::in_record);
  ProgressScript far(900ms);
  far.comes(half(16000));
  CHECK(far.after(3500ms) == Stall::none);
  CHECK(far.after(3600ms) == Stall::in_record);
}

TEST_CASE("what has come whole, or 512 KB, is not frozen by standing still") {
  ProgressScript idle;
  idle.comes(record(22, 90) + record(23, 15000));
  CHECK(idle.after(60s) == Stall::none);
  CHECK(!idle.progress.may_stall());
  ProgressScript credited;
  for (int i = 0; i < 20; ++i) credited.comes(record(23, 16384));
  credited.comes(half(16000));
  CHECK(credited.after(3s) == Stall::in_record);
  Bytes rest = record(23, 16000);
  rest.erase(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(half(16000).size()));
  credited.comes(rest);
  for (int i = 0; i < 12; ++i) credited.comes(record(23, 16384));
  credited.comes(half(16000));
  CHECK(credited.after(60s) == Stall::none);
  ProgressScript nothing;
  CHECK(nothing.after(60s) == Stall::none);
}

TEST_CASE("a stall of a lossy network that ends in time is none") {
  ProgressScript s;
  s.comes(record(22, 90));
  const auto whole = record(23, 16384);
  const auto part = [&](std::size_t from, std::size_t to) {
    return Bytes(whole.begin() + static_cast<std::ptrdiff_t>(from),
                 whole.begin() + static_cast<std::ptrdiff_t>(to));
  };
  for (int i = 0; i < 5; ++i) {
    s.comes(part(0, 9000));
    s.now += i % 2 == 1 ? 2900ms : 40ms;
    CHECK(s.progress.stall(s.now) == Stall::none);
    s.comes(part(9000, whole.size()));
    CHECK(!s.progress.in_record());
  }
  CHECK(s.progress.measured());
  CHECK(s.progress.pace(kOthers) != Pace::slow);
}

TEST_CASE("a browser that reads slowly freezes nothing") {
  ProgressScript s;
  s.progress.from_site(half(16000), s.now);  // and nobody waits for more: the browser takes its time
  CHECK(s.after(60s) == Stall::none);
  s.now += 60s;
  s.progress.waits(s.now);
  CHECK(s.after(2s) == Stall::none);
  CHECK(s.after(3s) == Stall::in_record);
}

TEST_CASE("an unanswered request freezes where boxes stop, and nowhere else") {
  ProgressScript s;
  s.comes(record(23, 14000));
  s.now += 60s;
  CHECK(s.after(60s) == Stall::none);
  s.asks();
  CHECK(s.after(4900ms) == Stall::none);
  CHECK(s.after(5s) == Stall::unanswered);
  s.comes(record(23, 200));
  CHECK(s.after(60s) == Stall::none);
  for (const std::size_t size : {5000U, 40000U}) {
    ProgressScript other;
    for (std::size_t n = 0; n < size; n += 5000) other.comes(record(23, 4995));
    other.asks();
    CHECK(other.after(60s) == Stall::none);
  }
}

TEST_CASE("half an answer of plain HTTP that stands still is looked into, a whole one never") {
  const auto text = [](std::string_view s) { return Bytes(s.begin(), s.end()); };
  const auto request = text("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
  ProgressScript s(40ms, FirstFlight::Kind::http);
  s.progress.said_first(request);
  s.comes(text("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n") + Bytes(1000, 'x'));
  CHECK(s.progress.announced());
  CHECK(s.after(3900ms) == Stall::none);
  CHECK(s.after(4s) == Stall::in_answer);
  s.comes(Bytes(1000, 'x'));
  CHECK(!s.progress.may_stall());
  CHECK(s.after(60s) == Stall::none);

  ProgressScript far(1s, FirstFlight::Kind::http);
  far.progress.said_first(request);
  far.comes(text("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
  CHECK(!far.progress.announced());
  CHECK(far.after(4900ms) == Stall::none);
  CHECK(far.after(5s) == Stall::in_answer);
}

TEST_CASE("a throttled site is slow by its records' time") {
  ProgressScript s;
  s.comes(record(22, 90));
  s.asks();
  s.now += 40ms;
  s.streams(record(23, 16384) + record(23, 16384) + record(23, 16384), 4s);  // 100 kbit/s
  CHECK(s.progress.measured());
  CHECK(s.progress.rate() < 14e3);
  CHECK(s.progress.pace(kOthers) == Pace::slow);
  CHECK(s.progress.pace(std::nullopt) == Pace::slow);
  CHECK(s.progress.pace(Goodput{50e3, 5e3}) == Pace::fine);  // they all crawl here
}

TEST_CASE("a policed site is slow although it comes in bursts") {
  ProgressScript s;
  s.comes(record(22, 90));
  for (int i = 0; i < 12; ++i) {
    auto piece = record(23, 16384);
    for (std::size_t at = 0; at < piece.size(); at += 4200) {
      s.now += 600ms;
      s.comes(Bytes(piece.begin() + static_cast<std::ptrdiff_t>(at),
                    piece.begin() + static_cast<std::ptrdiff_t>(std::min(at + 4200, piece.size()))));
    }
  }
  CHECK(s.progress.pace(kOthers) == Pace::slow);
}

TEST_CASE("a site that sends little, or at its own pace, is not slow") {
  ProgressScript chat;  // 200 bytes four times a second, for minutes
  chat.comes(record(22, 90));
  for (int i = 0; i < 200; ++i) {
    chat.now += 250ms;
    chat.comes(record(23, 200));
  }
  CHECK(chat.progress.pace(kOthers) == Pace::unknown);

  ProgressScript radio;  // 16 kB/s in records that come at once
  radio.comes(record(22, 90));
  for (int i = 0; i < 40; ++i) {
    radio.now += 500ms;
    radio.streams(record(23, 8000), 6ms);
  }
  CHECK(radio.progress.measured());
  CHECK(radio.progress.pace(kOthers) == Pace::fine);

  ProgressScript polls;  // an answer of 1 KB to each request, a round trip of 300 ms each
  polls.comes(record(22, 90));
  for (int i = 0; i < 80; ++i) {
    polls.asks();
    polls.now += 300ms;
    polls.comes(record(23, 1000));
  }
  CHECK(polls.progress.pace(kOthers) != Pace::slow);
}

TEST_CASE("a far site in slow start is not slow") {
  ProgressScript s(600ms);
  s.comes(record(22, 90));
  s.asks();
  s.now += 600ms;
  Bytes bytes;
  for (int i = 0; i < 5; ++i) bytes = bytes + record(23, 16384);
  std::size_t at = 0;
  for (std::size_t flight = 14000; at < bytes.size(); flight *= 2) {
    const auto n = std::min(flight, bytes.size() - at);
    s.comes(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                  bytes.begin() + static_cast<std::ptrdiff_t>(at + n)));
    at += n;
    s.now += 600ms;
  }
  CHECK(s.progress.measured());
  CHECK(s.progress.pace(kOthers) == Pace::fine);
}

TEST_CASE("a browser that reads slowly makes no site slow") {
  ProgressScript s;
  s.comes(record(22, 90));
  for (int i = 0; i < 60; ++i) {
    s.progress.from_site(half(3000), s.now);
    s.now += 1s;  // it takes what it was given
    s.progress.waits(s.now);
    s.now += 1ms;
    auto rest = record(23, 3000);
    s.progress.from_site(Bytes(rest.begin() + static_cast<std::ptrdiff_t>(half(3000).size()), rest.end()),
                         s.now);
  }
  CHECK(s.progress.measured());
  CHECK(s.progress.pace(kOthers) == Pace::fine);
}

TEST_CASE("others are two domains at least, lately, by their median") {
  GoodputMemory memory;
  const Clock::time_point now{1000s};
  memory.add("one.example", {1e6, 1}, now);
  memory.add("x.example", {5e3, 1}, now);
  CHECK(!memory.others("x.example", now));
  memory.add("two.example", {3e6, 1}, now);
  memory.add("three.example", {2e6, 1}, now);
  REQUIRE(memory.others("x.example", now));
  CHECK(memory.others("x.example", now)->rate == 2e6);
  memory.add("two.example", {1, 1}, now + 1s);  // its best is kept
  CHECK(memory.others("x.example", now + 1s)->rate == 2e6);
  CHECK(!memory.others("x.example", now + 11min));
  for (int i = 0; i < 500; ++i) memory.add("d" + std::to_string(i) + ".example", {1, 1}, now + 2s);
  CHECK(memory.others("x.example", now + 2s));
  memory.forget();
  CHECK(!memory.others("x.example", now));
}

TEST_CASE("losses as others have them are no throttling") {
  ProgressScript s(200ms);
  auto body = record(23, 16'000);
  for (int i = 0; i < 3; ++i) body = body + record(23, 16'000);
  const auto piece = [&](std::size_t n) {
    return Bytes(body.begin() + n * 13'000, body.begin() + (n + 1) * 13'000);
  };
  s.comes(record(22, 100));
  for (std::size_t n = 0; n < 4; ++n) {
    s.now += 200ms;
    s.comes(piece(n));
  }
  s.now += 200ms;
  s.comes(record(23, 16'000));
  const auto own = s.progress.goodput();
  CHECK(own.with_losses < own.rate);
  CHECK(s.progress.pace(Goodput{2e6, 400e3}) == Pace::slow);
  CHECK(s.progress.pace(Goodput{2e6, 400e3, own.with_losses * 2}) == Pace::fine);
  CHECK(s.progress.pace(Goodput{2e6, 400e3, own.with_losses * 4}) == Pace::slow);
}

TEST_CASE("in a proof of our own, a long round trip's gaps count, of a page without records as well") {
  const auto rate = [](bool own) {
    Clock::time_point now{100s};
    Progress progress(FirstFlight::Kind::http, 100, 450ms, now, own);
    for (int window = 0; window < 8; ++window, now += 450ms) {
      progress.from_site(Bytes(14'000, 0x5A), now);
      progress.waits(now);
    }
    return progress.rate_with_losses();
  };
  CHECK(rate(true) == doctest::Approx(14'000 / 0.45));
  CHECK(rate(false) > 1e6);  // a browser may have paused
}
