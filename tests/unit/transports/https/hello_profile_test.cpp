// What users' hellos look like, one profile at a time.
#include <map>
#include <set>

#include "tests/unit/transports/https/https_rig.hpp"
#include "transports/tls/hello_profile.hpp"

using namespace surang;
using namespace surang::https;
using namespace surang::https::test_rig;

namespace {

struct Look {
  std::string ja4;
  std::vector<std::uint16_t> extensions;  // without GREASE
  std::set<std::uint16_t> grease;         // over all hellos
  std::set<std::size_t> ech_sizes;        // payloads
  std::set<unsigned> ech_ciphers;
  bool grease_first = true;
};

bool is_grease(std::uint16_t v) {
  return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

// Type and content of every extension of a hello's message.
std::vector<std::pair<std::uint16_t, Bytes>> extensions_of(const Bytes& message) {
  std::size_t at = 4 + 2 + 32;
  const auto number = [&](int size) {
    std::size_t n = 0;
    for (; size > 0; --size) n = n << 8 | message.at(at++);
    return n;
  };
  for (const int size : {1, 2, 1}) {
    const auto n = number(size);
    at += n;
  }
  (void)number(2);
  std::vector<std::pair<std::uint16_t, Bytes>> out;
  while (at < message.size()) {
    const auto type = static_cast<std::uint16_t>(number(2));
    const auto size = number(2);
    const auto from = message.begin() + static_cast<std::ptrdiff_t>(at);
    out.emplace_back(type, Bytes(from, from + static_cast<std::ptrdiff_t>(size)));
    at += size;
  }
  return out;
}

void look_at(const tls::ClientHello& hello, Look& look) {
  std::vector<std::uint16_t> types;
  int greased = 0;
  for (const auto& [type, content] : extensions_of(hello.message)) {
    if (is_grease(type)) {
      look.grease.insert(type);
      look.grease_first = look.grease_first && hello.extensions.front() == type && content.empty();
      ++greased;
      continue;
    }
    types.push_back(type);
    if (type != 0xfe0d) continue;
    look.ech_ciphers.insert(content.at(4));
    REQUIRE(content.size() > 42);
    look.ech_sizes.insert(content.size() - 42);
    CHECK(content[40] * 256U + content[41] == content.size() - 42);
  }
  CHECK(greased <= 1);
  if (!look.extensions.empty()) CHECK(types == look.extensions);
  look.extensions = types;
}

// What a client sends until it wants an answer; the first handshake record of it.
tls::ClientHello said_by(SSL* ssl, BIO* out) {
  (void)SSL_do_handshake(ssl);
  Bytes said(BIO_pending(out));
  BIO_read(out, said.data(), static_cast<int>(said.size()));
  if (said.at(0) == 20) said.erase(said.begin(), said.begin() + 6);  // ChangeCipherSpec
  tls::ClientHello hello;
  REQUIRE(tls::parse_client_hello(said, hello) == tls::HelloState::complete);
  return hello;
}

}  // namespace

TEST_CASE("every profile keeps its order, and draws for each connection what its browser draws") {
  test::run(
      [](asio::io_context& io) -> asio::awaitable<void> {
        std::map<std::string, Look> looks;
        for (std::uint8_t user = 1; user <= 8; ++user)
          for (int i = 0; i < 48; ++i) {
            Wire wire;
            auto [ours, theirs] = test::memory_stream_pair(io.get_executor());
            wire.waiting.push_back(std::move(ours));
            const auto client = make_client(wire, user);
            auto connected = co_await client->connect();
            co_await say(*connected->stream, "CONNECT");
            tls::ClientHello hello;
            REQUIRE(tls::parse_client_hello(wire.writes.at(0), hello) == tls::HelloState::complete);
            auto& look = looks[tls::ja4(hello)];
            look_at(hello, look);
          }
        REQUIRE(looks.size() == 3);

        REQUIRE(looks.contains("t13d1616h2_1711a4c0508c_d3b543bc8871"));
        const auto& chromium = looks["t13d1616h2_1711a4c0508c_d3b543bc8871"];
        CHECK(chromium.extensions ==
              std::vector<std::uint16_t>{0x0012, 0x44cd, 0xfe0d, 0x0000, 0x000b, 0x000a, 0x0023, 0x0005,
                                         0x0010, 0x0017, 0x000d, 0x002b, 0x002d, 0x0033, 0x002a, 0x0029});
        CHECK(chromium.grease.size() > 8);
        CHECK(chromium.grease_first);
        CHECK(chromium.ech_sizes == std::set<std::size_t>{144, 176, 208, 240});
        CHECK(chromium.ech_ciphers == std::set<unsigned>{1});

        REQUIRE(looks.contains("t13d1817h2_796efca44d18_a84eb9a9e1b6"));
        const auto& firefox = looks["t13d1817h2_796efca44d18_a84eb9a9e1b6"];
        CHECK(firefox.extensions == std::vector<std::uint16_t>{0x0012, 0x0022, 0x001c, 0xfe0d, 0x0000, 0x000b,
                                                               0x000a, 0x0023, 0x0005, 0x0010, 0x0017, 0x000d,
                                                               0x002b, 0x002d, 0x0033, 0x002a, 0x0029});
        CHECK(firefox.grease.empty());
        CHECK(firefox.ech_sizes == std::set<std::size_t>{239});
        CHECK(firefox.ech_ciphers == std::set<unsigned>{1, 3});

        REQUIRE(looks.contains("t13d1814h2_796efca44d18_8dc3b53106ed"));
        const auto& safari = looks["t13d1814h2_796efca44d18_8dc3b53106ed"];
        CHECK(safari.extensions == std::vector<std::uint16_t>{0x0012, 0x0000, 0x000b, 0x000a, 0x0023, 0x0005,
                                                              0x0010, 0x0017, 0x000d, 0x002b, 0x002d, 0x0033,
                                                              0x002a, 0x0029});
        CHECK(safari.grease.size() > 8);
        CHECK(safari.grease_first);
        CHECK(safari.ech_sizes.empty());
      },
      120s);
}

TEST_CASE("the second hello of a connection repeats what the first has drawn") {
  const auto server = test::make_tls_server(kSite);
  SSL_CTX_set1_groups_list(server.context.get(), "P-384");
  for (std::uint8_t user = 1; user <= 8; ++user) {
    const auto context = tls::make_hello_context(user_number(user));
    const tls::SslPtr near(SSL_new(context.get()), SSL_free), far(SSL_new(server.context.get()), SSL_free);
    BIO *to_far = BIO_new(BIO_s_mem()), *to_near = BIO_new(BIO_s_mem());
    SSL_set_bio(near.get(), to_near, to_far);
    BIO *from_near = BIO_new(BIO_s_mem()), *from_far = BIO_new(BIO_s_mem());
    SSL_set_bio(far.get(), from_near, from_far);
    SSL_set_connect_state(near.get());
    SSL_set_accept_state(far.get());
    const auto first = said_by(near.get(), to_far);
    Bytes record{22, 3, 1, static_cast<std::uint8_t>(first.message.size() >> 8),
                 static_cast<std::uint8_t>(first.message.size())};
    record.insert(record.end(), first.message.begin(), first.message.end());
    BIO_write(from_near, record.data(), static_cast<int>(record.size()));
    (void)SSL_do_handshake(far.get());
    Bytes retry(BIO_pending(from_far));
    REQUIRE(!retry.empty());
    BIO_read(from_far, retry.data(), static_cast<int>(retry.size()));
    BIO_write(to_near, retry.data(), static_cast<int>(retry.size()));
    const auto second = said_by(near.get(), to_far);
    CHECK(first.random == second.random);
    std::map<std::uint16_t, Bytes> drawn;
    for (const auto& [type, content] : extensions_of(first.message))
      if (is_grease(type) || type == 0xfe0d) drawn[type] = content;
    std::map<std::uint16_t, Bytes> again;
    for (const auto& [type, content] : extensions_of(second.message))
      if (is_grease(type) || type == 0xfe0d) again[type] = content;
    CHECK(!drawn.empty());
    CHECK(drawn == again);
  }
}
