#include "client/inbound/self_guard.hpp"

#include <doctest.h>
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>

using namespace surang;
using namespace surang::client;

namespace {

// While it lives no descriptor can be opened.
struct NoDescriptors {
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit none{0, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }
  rlimit before{};
};

}  // namespace

TEST_CASE("our own ports are known by every name of this machine") {
  boost::asio::io_context io;
  SelfGuard guard(io.get_executor());
  guard.own(1080);
  for (const auto* host :
       {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "0.0.0.0", "::", "localhost", "a.localhost"})
    CHECK_MESSAGE(guard.is_self(Endpoint(host, 1080)), host);
  for (const auto* written : {"[::1]:1080", "LOCALHOST:1080", "localhost.:1080", "[::ffff:127.0.0.1]:1080"})
    CHECK_MESSAGE(guard.is_self(Endpoint::parse(written).value()), written);
  for (const auto* other :
       {"192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "example.com", "localhost.example"})
    CHECK_MESSAGE(!guard.is_self(Endpoint(other, 1080)), other);
  CHECK_FALSE(guard.is_self(Endpoint("127.0.0.1", 1081)));
  CHECK(guard.is_self(boost::asio::ip::make_address("::ffff:127.0.0.1"), 1080));
  CHECK_FALSE(guard.is_self(boost::asio::ip::make_address("127.0.0.1"), 80));
}

TEST_CASE("without descriptors to ask with, a port of ours is taken for ours") {
  boost::asio::io_context io;
  SelfGuard guard(io.get_executor());
  guard.own(1080);
  CHECK_FALSE(guard.is_self(Endpoint("192.0.2.1", 1080)));  // and the context has all it needs by now
  bool own = false, other_port = true;
  {
    const NoDescriptors none;
    own = guard.is_self(Endpoint("192.0.2.1", 1080));
    other_port = guard.is_self(Endpoint("192.0.2.1", 443));
  }
  CHECK(own);
  CHECK_FALSE(other_port);
  CHECK_FALSE(guard.is_self(Endpoint("192.0.2.1", 1080)));
}
