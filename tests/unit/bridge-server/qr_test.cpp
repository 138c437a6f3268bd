#include "bridge-server/control/qr.hpp"

#include <doctest.h>

#include <algorithm>

using surang::bridge::qr_code;

TEST_CASE("a QR code for the terminal") {
  const auto code = qr_code(std::string(300, 'a'));
  const auto rows = std::ranges::count(code, '\n');
  // Version 10-L or so: 57 modules and twice four of quiet zone, two modules a line.
  CHECK(rows >= 30);
  CHECK(rows <= 45);
  CHECK(code.starts_with("\033[30;107m    "));
  CHECK(code.find("█") != std::string::npos);
  CHECK(qr_code(std::string(5000, 'a')).empty());
}
