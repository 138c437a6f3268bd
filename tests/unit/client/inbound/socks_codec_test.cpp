#include "client/inbound/socks_codec.hpp"

#include <doctest.h>

using namespace surang;
using namespace surang::client;
using State = SocksCodec::State;

namespace {

struct Outcome {
  State state;
  std::string output;  // what the client was sent on the way
  std::string to;
  std::string left;  // what the codec did not take
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

std::span<const std::uint8_t> bytes(std::string_view s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

Outcome feed(std::string_view input, std::size_t step, Credentials credentials) {
  SocksCodec codec(std::move(credentials));
  Outcome out{State::reading, {}, {}, {}};
  while (!input.empty() && codec.state() == State::reading) {
    const auto used = codec.feed(bytes(input.substr(0, step)));
    input.remove_prefix(used);
    out.output += codec.take_output();
  }
  out.state = codec.state();
  if (out.state == State::request) out.to = codec.destination().to_string();
  out.left = input;
  return out;
}

// The same whatever way the bytes are cut.
Outcome feed(std::string_view input, Credentials credentials = {}) {
  const auto whole = feed(input, SIZE_MAX, credentials);
  CHECK(feed(input, 1, credentials) == whole);
  CHECK(feed(input, 3, credentials) == whole);
  return whole;
}

template <std::size_t n>
std::string raw(const char (&literal)[n]) {
  return {literal, n - 1};
}

const Credentials kSecret = std::pair<std::string, std::string>{"ali", "s3cret"};

}  // namespace

TEST_CASE("SOCKS5 with a name, an IPv4 and an IPv6 address") {
  auto out = feed(raw("\x05\x01\x00\x05\x01\x00\x03\x0bWWW.x.com.\x00\x01\xbbhello"));
  CHECK(out.state == State::refused);  // the length byte says 11: "WWW.x.com.\0"
  out = feed(raw("\x05\x02\x02\x00\x05\x01\x00\x03\x0aWWW.x.com.\x01\xbbhello"));
  CHECK(out.state == State::request);
  CHECK(out.to == "www.x.com:443");
  CHECK(out.output == raw("\x05\x00"));
  CHECK(out.left == "hello");
  out = feed(raw("\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50"));
  CHECK(out.to == "192.0.2.7:80");
  out = feed(raw("\x05\x01\x00\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x1f\x90"));
  CHECK(out.to == "[2001:db8::1]:8080");
  out =
      feed(raw("\x05\x01\x00\x05\x01\x00\x03\x09"
               "127.0.0.1\x00\x50"));
  CHECK(out.to == "127.0.0.1:80");
}

TEST_CASE("SOCKS5 passwords") {
  const auto request = raw("\x05\x01\x00\x03\x05x.com\x00\x50");
  auto out = feed(raw("\x05\x02\x00\x02\x01\x03"
                      "ali\x06s3cret") +
                      request,
                  kSecret);
  CHECK(out.state == State::request);
  CHECK(out.output == raw("\x05\x02\x01\x00"));
  out = feed(raw("\x05\x01\x02\x01\x03"
                 "ali\x06s3creT") +
                 request,
             kSecret);
  CHECK(out.state == State::refused);
  CHECK(out.output == raw("\x05\x02\x01\x01"));
  out = feed(raw("\x05\x01\x02\x01\x00\x00"), kSecret);
  CHECK(out.state == State::refused);
  out = feed(raw("\x05\x01\x00"), kSecret);
  CHECK(out.output == raw("\x05\xff"));
  // A client that must give one where none is asked.
  out = feed(raw("\x05\x01\x02\x01\x01u\x00") + request);
  CHECK(out.state == State::request);
  out = feed(raw("\x05\x00"));
  CHECK(out.output == raw("\x05\xff"));
}

TEST_CASE("SOCKS5 refusals carry their code") {
  CHECK(feed(raw("\x05\x01\x00\x05\x02\x00\x01\x7f\0\0\x01\0\x50")).output.substr(2, 2) == raw("\x05\x07"));
  CHECK(feed(raw("\x05\x01\x00\x05\x03\x00\x01\0\0\0\0\0\0")).output.substr(2, 2) == raw("\x05\x07"));
  CHECK(feed(raw("\x05\x01\x00\x05\x09\x00\x01\x7f\0\0\x01\0\x50")).output.substr(2, 2) == raw("\x05\x07"));
  CHECK(feed(raw("\x05\x01\x00\x05\x01\x00\x02\x7f")).output.substr(2, 2) == raw("\x05\x08"));
  CHECK(feed(raw("\x05\x01\x00\x05\x01\x00\x03\x03"
                 "a b\0\x50"))
            .output.substr(2, 2) == raw("\x05\x04"));
  CHECK(feed(raw("\x05\x01\x00\x05\x01\x00\x03\x00\0\x50")).output.substr(2, 2) == raw("\x05\x04"));
  CHECK(feed(raw("\x05\x01\x00\x05\x01\x00\x03\x05x.com\0\0")).output.substr(2, 2) == raw("\x05\x01"));
}

TEST_CASE("SOCKS4 and 4a") {
  auto out = feed(raw("\x04\x01\x00\x50\xc0\x00\x02\x07me\0more"));
  CHECK(out.state == State::request);
  CHECK(out.to == "192.0.2.7:80");
  CHECK(out.left == "more");
  out = feed(raw("\x04\x01\x01\xbb\0\0\0\x01\0x.com\0"));
  CHECK(out.to == "x.com:443");
  CHECK(feed(raw("\x04\x02\x01\xbb\0\0\0\x01\0x.com\0")).output == raw("\0\x5b\0\0\0\0\0\0"));
  CHECK(feed(raw("\x04\x01\x00\x50\xc0\x00\x02\x07\0"), kSecret).state == State::refused);
  CHECK(feed(raw("\x04\x01\x00\x50\xc0\x00\x02\x07") + std::string(300, 'u')).state == State::refused);
  CHECK(feed(raw("\x04\x01\x00\x50\0\0\0\x01\0") + std::string(300, 'n')).state == State::refused);
}

TEST_CASE("the answer to a request is in the client's version") {
  SocksCodec v4({}), v5({});
  v4.feed(bytes(raw("\x04\x01\x00\x50\xc0\x00\x02\x07\0")));
  v5.feed(bytes(raw("\x05\x01\x00\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50")));
  CHECK(v4.reply(SocksAnswer::granted) == raw("\0\x5a\0\0\0\0\0\0"));
  CHECK(v4.reply(SocksAnswer::not_allowed) == raw("\0\x5b\0\0\0\0\0\0"));
  CHECK(v5.reply(SocksAnswer::granted) == raw("\x05\0\0\x01\0\0\0\0\0\0"));
  CHECK(v5.reply(SocksAnswer::not_allowed) == raw("\x05\x02\0\x01\0\0\0\0\0\0"));
}

TEST_CASE("secrets compare whole") {
  CHECK(same_secret("", ""));
  CHECK(same_secret("abc", "abc"));
  CHECK_FALSE(same_secret("abc", "abd"));
  CHECK_FALSE(same_secret("abc", "ab"));
  CHECK_FALSE(same_secret("aa", "aaaa"));
  CHECK_FALSE(same_secret("", "a"));
  CHECK_FALSE(same_secret("a", ""));
}
