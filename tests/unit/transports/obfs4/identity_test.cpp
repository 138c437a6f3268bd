// What a bridge line says of a bridge, read strictly.
#include "transports/obfs4/identity.hpp"

#include <doctest.h>

#include "tests/unit/transports/obfs4/bytes.hpp"

using namespace surang;
using namespace surang::obfs4;

namespace {
constexpr std::string_view kCert = "oKGio6SlpqeoqaqrrK2ur7CxsrN5pjHu3hv5yY8SAyzerdDnoHk5j8eGuIzIRuyJr4WlGg";
}

TEST_CASE("a cert is that of PROTOCOL.md and is read back, with and without padding") {
  const auto node = vectors::vector_identity().node;
  CHECK(format_cert(node) == kCert);
  CHECK(parse_cert(kCert).value() == node);
  CHECK(parse_cert(std::string(kCert) + "==").value() == node);
}

TEST_CASE("no other text is a cert") {
  const std::string cert(kCert);
  for (const auto& bad :
       {std::string(), cert.substr(1), cert + "=", cert + "===", cert + "A", cert + "AA", cert + " ",
        " " + cert, "=" + cert, cert.substr(0, 68), cert.substr(0, 68) + "==", cert + cert,
        cert.substr(0, 35) + "=" + cert.substr(36), cert.substr(0, 35) + "-" + cert.substr(36),
        cert.substr(0, 35) + "\n" + cert.substr(36), cert.substr(0, 35) + '\0' + cert.substr(36)}) {
    CAPTURE(bad);
    CHECK(parse_cert(bad).error() == Errc::bad_input);
  }
  for (int byte = 0; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    if (c == '+' || c == '/' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'))
      continue;
    CAPTURE(byte);
    CHECK(parse_cert(cert.substr(0, 35) + c + cert.substr(36)).error() == Errc::bad_input);
  }
  // Bits behind the last byte.
  CHECK(parse_cert(cert.substr(0, 69) + "h").error() == Errc::bad_input);
}
