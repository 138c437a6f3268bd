// belief: months of failures and successes in given times.
#include <doctest.h>

#include "client/detection/belief.hpp"

using namespace surang::client;
using namespace std::chrono_literals;

namespace {

// Failures in a row until a host of which `before` is known is believed to be blocked.
int needed(BeliefBook& book, const std::string& host, Signal signal, Clock::time_point now) {
  int times = 1;
  while (!book.failed(host, signal, 1, now)) ++times;
  return times;
}

}  // namespace

TEST_CASE("a proof convicts at once, chance needs as many failures as it is likely") {
  const Clock::time_point t{};
  for (const auto signal :
       {Signal::forged_rst, Signal::tls_certificate, Signal::dns_differs, Signal::frozen}) {
    BeliefBook book;
    CHECK(needed(book, "x.example", signal, t) == 1);
  }
  BeliefBook book;
  CHECK(needed(book, "new.example", Signal::tls_rst, t) == 3);
  for (int i = 0; i < 200; ++i) book.worked("good.example", t);
  CHECK(needed(book, "good.example", Signal::tls_rst, t) == 2);
  // One visit in five fails whatever happens: six in a row are still no proof.
  for (int i = 0; i < 100; ++i) {
    book.worked("flaky.example", t);
    if (i % 4 == 0) book.failed_by_chance("flaky.example", Signal::tls_rst, t);
  }
  CHECK(needed(book, "flaky.example", Signal::tls_rst, t) > 6);
}

TEST_CASE("what failed on a lossy network is no block, and says nothing of resets") {
  const Clock::time_point t{};
  BeliefBook book;
  for (int i = 0; i < 100; ++i) {
    book.worked("a" + std::to_string(i) + ".example", t);
    if (i % 8 == 0) book.failed_by_chance("a" + std::to_string(i) + ".example", Signal::tls_silence, t);
  }
  CHECK(needed(book, "x.example", Signal::tls_silence, t) > 3);
  CHECK(needed(book, "y.example", Signal::tls_rst, t) == 3);
}

TEST_CASE("one success in between takes the suspicion away, and time does") {
  const Clock::time_point t{};
  BeliefBook book;
  CHECK(!book.failed("x.example", Signal::tls_rst, 2, t));
  CHECK(book.nearly_sure("x.example", Signal::tls_rst, t));
  book.worked("x.example", t);
  CHECK(!book.nearly_sure("x.example", Signal::tls_rst, t));
  CHECK(!book.failed("y.example", Signal::tls_rst, 2, t));
  CHECK(!book.nearly_sure("y.example", Signal::tls_rst, t + 2h));
}

TEST_CASE("a block that comes and goes is believed at its first failure, for a while") {
  Clock::time_point t{};
  BeliefBook book;
  for (int i = 0; i < 50; ++i) book.worked("x.example", t);
  CHECK(book.failed("x.example", Signal::tls_rst, 3, t));
  for (int round = 0; round < 1000; ++round) {
    t += 7min;
    book.acquitted("x.example", false, t);
    CHECK(book.suspicious("x.example", t));
    for (int i = 0; i < 5; ++i) book.worked("open.example", t += 1min);
    CHECK(book.nearly_sure("x.example", Signal::tls_rst, t));
    CHECK(book.failed("x.example", Signal::tls_rst, 1, t));
  }
  book.acquitted("x.example", false, t);
  CHECK(!book.suspicious("x.example", t + 3h));
  // At peace the first time somebody looked: it may never have been blocked.
  CHECK(book.failed("z.example", Signal::tls_rst, 3, t));
  book.acquitted("z.example", true, t);
  CHECK(!book.nearly_sure("z.example", Signal::tls_rst, t));
}
