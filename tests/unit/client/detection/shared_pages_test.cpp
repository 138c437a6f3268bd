// The page that unrelated sites show, in given time.
#include "client/detection/shared_pages.hpp"

#include <doctest.h>

#include "client/detection/page_contrast.hpp"

using namespace surang::client;
using namespace std::chrono_literals;

TEST_CASE("a page is in doubt from the second unrelated site on") {
  SharedPages pages;
  const SharedPages::Time now{};
  CHECK(pages.shown("home", "a.com", "p", now) != PageStanding::shared);
  CHECK(pages.shown("home", "www.a.com", "p", now) != PageStanding::shared);  // the same site
  CHECK(pages.shown("home", "a.co.uk", "p", now) != PageStanding::shared);    // and its shop elsewhere
  CHECK(pages.shown("home", "b.org", "q", now) != PageStanding::shared);      // another page
  CHECK(pages.shown("cafe", "b.org", "p", now) != PageStanding::shared);      // another network
  CHECK(pages.shown("home", "b.org", "p", now) == PageStanding::shared);
  CHECK(pages.shown("home", "c.net", "p", now) == PageStanding::shared);
  CHECK(pages.shown("home", "a.com", "p", now) == PageStanding::shared);
}

TEST_CASE("a page that a tunnel brought is asked about no more, for a day") {
  SharedPages pages;
  SharedPages::Time now{};
  CHECK(pages.shown("home", "a.com", "p", now) != PageStanding::shared);
  CHECK(pages.shown("home", "b.org", "p", now) == PageStanding::shared);
  pages.harmless("p", now);
  CHECK(pages.shown("home", "c.net", "p", now) == PageStanding::harmless);
  CHECK(pages.shown("cafe", "c.net", "p", now) == PageStanding::harmless);
  now += SharedPages::kKept + 1s;
  CHECK(pages.shown("home", "a.com", "p", now) != PageStanding::shared);
  CHECK(pages.shown("home", "b.org", "p", now) == PageStanding::shared);
}

TEST_CASE("what was shown long ago says nothing, and the memory is bounded") {
  SharedPages pages;
  SharedPages::Time now{};
  CHECK(pages.shown("home", "a.com", "p", now) != PageStanding::shared);
  now += SharedPages::kKept + 1s;
  CHECK(pages.shown("home", "b.org", "p", now) != PageStanding::shared);
  for (std::size_t i = 0; i < 3 * SharedPages::kMost; ++i) {
    now += 1s;
    CHECK(pages.shown("home", "a.com", std::to_string(i), now) != PageStanding::shared);
    pages.harmless("h" + std::to_string(i), now);
  }
  CHECK(pages.shown("home", "b.org", "0", now) != PageStanding::shared);  // gave way
  CHECK(pages.shown("home", "b.org", std::to_string(3 * SharedPages::kMost - 1), now) ==
        PageStanding::shared);
}

TEST_CASE("pages and redirects are weighed by what is known of them") {
  using State = FirstAnswer::State;
  FirstAnswer page;
  page.state = State::valid;
  page.page = ShortPage{200, "digest", "Stop"};
  CHECK(page_mark(page) == "digest");
  CHECK(weigh_page(page, {Way::direct, PageStanding::alone, false}).state == State::valid);
  const auto shared = weigh_page(page, {Way::direct, PageStanding::shared, true});
  CHECK(shared.state == State::doubtful);
  CHECK(shared.signal == Signal::http_shared_page);
  CHECK(shared.detail == "Stop");
  const auto early = weigh_page(page, {Way::direct, PageStanding::alone, true});
  CHECK(early.state == State::doubtful);
  CHECK(early.signal == Signal::http_block_page);
  CHECK(weigh_page(page, {Way::direct, PageStanding::harmless, true}).state == State::valid);
  CHECK(weigh_page(page, {Way::tunnel, PageStanding::shared, true}).state == State::valid);

  FirstAnswer redirect;
  redirect.state = State::doubtful;
  redirect.signal = Signal::http_redirect;
  redirect.detail = "isp.example";
  CHECK(page_mark(redirect) == "to isp.example");
  CHECK(weigh_page(redirect, {Way::direct, PageStanding::alone, false}).signal == Signal::http_redirect);
  CHECK(weigh_page(redirect, {Way::direct, PageStanding::shared, false}).signal == Signal::http_shared_page);
  CHECK(weigh_page(redirect, {Way::tunnel, PageStanding::alone, false}).state == State::valid);

  FirstAnswer other;
  other.state = State::valid;
  CHECK(page_mark(other).empty());
  CHECK(weigh_page(other, {Way::direct, PageStanding::alone, true}).state == State::valid);
  other.state = State::doubtful;
  other.signal = Signal::http_block_page;
  CHECK(weigh_page(other, {Way::tunnel, PageStanding::alone, false}).state == State::doubtful);
}
