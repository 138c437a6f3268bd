#include "client/routing/quic_site.hpp"

#include <doctest.h>

#include "tests/support/quic_initial.hpp"

using namespace surang;
using namespace surang::client;
using Look = QuicSite::Look;

namespace {

surang::test::Bytes half(std::string_view name, bool second) {
  const auto hello = surang::test::quic_hello(name);
  const auto bytes = std::span(hello).subspan(second ? 100 : 0);
  return surang::test::seal_initial(
      {}, surang::test::crypto_frame(second ? 100 : 0, second ? bytes : bytes.first(100)));
}

}  // namespace

TEST_CASE("a peer's site is that of the connection which was begun last") {
  QuicSite site;
  const surang::test::Bytes later(50, 0x41);
  CHECK(site.look(later) == Look::same);
  CHECK(site.look(surang::test::quic_beginning("example.com")) == Look::site);
  CHECK(site.name() == "example.com");
  CHECK(site.look(later) == Look::same);
  CHECK(site.look(half("example.org", true)) == Look::hold);
  CHECK(site.name() == "example.com");
  CHECK(site.look(half("example.org", false)) == Look::site);
  CHECK(site.name() == "example.org");
  CHECK(site.look(later) == Look::same);
}

TEST_CASE("a half that never comes holds back a few only") {
  QuicSite site;
  for (int again = 0; again < 2; ++again) {
    for (int i = 0; i < 4; ++i) CHECK(site.look(half("example.org", false)) == Look::hold);
    CHECK(site.look(half("example.org", false)) == Look::same);
  }
  CHECK(site.name().empty());
}
