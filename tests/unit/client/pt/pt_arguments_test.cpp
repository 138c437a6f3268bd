#include "client/pt/pt_arguments.hpp"

#include <doctest.h>

#include "client/inbound/socks_codec.hpp"

using namespace surang;
using namespace surang::client;
using namespace surang::client::pt;

TEST_CASE("arguments of a connection, as pt-spec 3.5 escapes them") {
  CHECK(parse_arguments("")->empty());
  CHECK(*parse_arguments("shared-secret=rahasia;secrets-file=/tmp/blob") ==
        Arguments{{"shared-secret", "rahasia"}, {"secrets-file", "/tmp/blob"}});
  CHECK(*parse_arguments("a\\;b\\=c\\\\=x\\;y\\=z\\\\") == Arguments{{"a;b=c\\", "x;y=z\\"}});
  // base64 ends in equal signs, which not everybody escapes.
  CHECK(*parse_arguments("cert=AA==;iat-mode=0") == Arguments{{"cert", "AA=="}, {"iat-mode", "0"}});
  CHECK(*parse_arguments("k=first;k=second") == Arguments{{"k", "first"}});
  CHECK(*parse_arguments("k=") == Arguments{{"k", ""}});
  for (const auto* wrong : {"k", "=v", ";", "k=v;", "k=v;;l=w", "k;l=w", "k=v\\", "k\\=v", "\\"})
    CHECK_MESSAGE(!parse_arguments(wrong), wrong);
}

TEST_CASE("arguments cut into a SOCKS user name and password") {
  CHECK(*parse_socks_arguments("k=v", std::string_view("\0", 1)) == Arguments{{"k", "v"}});
  CHECK(*parse_socks_arguments("cert=abc", "def;iat-mode=0") ==
        Arguments{{"cert", "abcdef"}, {"iat-mode", "0"}});
  CHECK(*parse_socks_arguments("", "") == Arguments{});
  CHECK(*parse_socks_arguments("k=v\\", ";w") == Arguments{{"k", "v;w"}});  // cut within an escape
}

TEST_CASE("options of a server") {
  const auto text = "scramblesuit:key=banana;obfs4:iat-mode=1;obfs4:drbg-seed=00\\:11\\;\\=\\\\";
  CHECK(*parse_server_options(text, "obfs4") == Arguments{{"iat-mode", "1"}, {"drbg-seed", "00:11;=\\"}});
  CHECK(*parse_server_options(text, "scramblesuit") == Arguments{{"key", "banana"}});
  CHECK(parse_server_options(text, "obfs3")->empty());
  CHECK(parse_server_options("", "obfs4")->empty());
  CHECK(*parse_server_options("o\\:x:k=v", "o:x") == Arguments{{"k", "v"}});
  for (const auto* wrong :
       {"obfs4", "obfs4:", "obfs4:k", "obfs4:=v", ":k=v", "obfs4:k=v;", "obfs4:k=v;x", "obfs4\\"})
    CHECK_MESSAGE(!parse_server_options(wrong, "obfs4"), wrong);
}

TEST_CASE("arguments of an SMETHOD line") {
  CHECK(format_smethod_arguments({}).empty());
  CHECK(format_smethod_arguments({{"cert", "a+b/c"}, {"iat-mode", "0"}}) == "cert=a+b/c,iat-mode=0");
  CHECK(format_smethod_arguments({{"k,=", "v\\,="}}) == "k\\,\\==v\\\\\\,\\=");
}

TEST_CASE("SOCKS5 tells user name and password where they are a message") {
  using State = SocksCodec::State;
  const auto feed = [](std::string_view input) {
    auto codec = SocksCodec::for_any_password();
    for (const char c : input) {
      const auto byte = static_cast<std::uint8_t>(c);
      codec.feed({&byte, 1});
    }
    return codec;
  };
  using namespace std::string_view_literals;
  // Also of who offers to give none first.
  auto codec = feed("\x05\x02\x00\x02\x01\x03k=v\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb"sv);
  CHECK(codec.state() == State::request);
  CHECK(codec.take_output() == "\x05\x02\x01\x00"sv);
  CHECK(codec.user() == "k=v");
  CHECK(codec.password() == "\0"sv);
  CHECK(codec.destination().to_string() == "192.0.2.7:443");
  codec = feed("\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x01\xbb"sv);
  CHECK(codec.state() == State::request);
  CHECK(codec.user().empty());
  CHECK(feed("\x04\x01\x01\xbb\xc0\x00\x02\x07k=v\0"sv).state() == State::refused);
  const auto code = [&](SocksAnswer answer) { return codec.reply(answer)[1]; };
  CHECK(code(SocksAnswer::network_unreachable) == 3);
  CHECK(code(SocksAnswer::refused) == 5);
  CHECK(code(SocksAnswer::timed_out) == 6);
}
