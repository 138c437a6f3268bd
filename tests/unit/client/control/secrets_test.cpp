#include "client/control/secrets.hpp"

#include <doctest.h>

using surang::client::without_links;

TEST_CASE("links are taken out of what is printed, all of them and nothing else") {
  CHECK(without_links("").empty());
  CHECK(without_links("no link here: https://example.org") == "no link here: https://example.org");
  CHECK(without_links("surang://") == "surang://...");
  CHECK(without_links("not expected: surang://c2VjcmV0@a/?k=x SURANG://c2VjcmV0@b --x=surang://c2VjcmV0") ==
        "not expected: surang://... surang://... --x=surang://...");
  CHECK(without_links("'surang://c2VjcmV0' is none\nsurang://c2VjcmV0\n") ==
        "'surang://...' is none\nsurang://...\n");
  CHECK(without_links("obfs4 192.0.2.1:443 cert=AAAAAAAAAAAAAAAAAAAA/+ iat-mode=0") ==
        "obfs4 192.0.2.1:443 cert=... iat-mode=0");
  CHECK(without_links("'cert=' is missing, needs cert=, cert= is not") ==
        "'cert=' is missing, needs cert=, cert= is not");
  CHECK(without_links("surang://a/?t=obfs4:1:cert=AAAAAAAAAAAAAAAAAAAA Cert=AAAAAAAAAAAAAAAAAAAA") ==
        "surang://... cert=...");
}
