// Noise IK against published vectors, and what is not to be taken.
#include "transports/noise/handshake.hpp"

#include <doctest.h>
#include <sodium.h>

#include <algorithm>

#include "tests/support/hex.hpp"

using namespace surang::noise;
using surang::test::bytes_from_hex;
using surang::test::counting;
using surang::test::from_hex;
using surang::test::hex;

namespace {

struct Message {
  std::string_view payload, sent;
};

struct Vector {
  std::string_view prologue, client, client_ephemeral, server, server_ephemeral, server_public, hash;
  std::array<Message, 6> messages;  // the client's and the server's by turns; an empty one is none
};

// Of the collections of cacophony and of snow, both for Noise_IK_25519_ChaChaPoly_SHA256.
const Vector kVectors[] = {
    {"4a6f686e2047616c74",
     "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1",
     "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
     "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
     "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
     "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
     "0b0f68fb0c27e03ce9b97565995ed4838cc0581b762ef72b062f6a546419fad7",
     {{{"4c756477696720766f6e204d69736573",
        "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c7944718da798efbcd91528520204f904b9bd6c"
        "7413dccdc214d951e15253e39987f18146e8cd0873654207148333479d4d16c289f0294b29960a72f48e0b7bba2e890831"
        "69825e59642148d492020664ccf7"},
       {"4d757272617920526f746862617264",
        "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088435361e70b2ed446e6c9ec387d1d6b3b840f"
        "194e373979d241b203c4acafccf5"},
       {"462e20412e20486179656b", "050e9f3c8fac16b68dbce8f8c4bfbf6617c897f9ada4aa29aa19c8"},
       {"4361726c204d656e676572", "344233a6cabb7141d80f3da2fedc311d9646bbb0f505afe403a667"},
       {"4a65616e2d426170746973746520536179",
        "62cdeeb172ad7ade7aa7d9e069da5790f12331bfa00177787a1d0810c67dc3b2b4"},
       {"457567656e2042f6686d20766f6e2042617765726b",
        "029bead1b40992327044d409d9a1f3ad8f36c3c452775d557e18bbeb2e8dfcead32d514024"}}}},
    {"5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e20616e6420626"
     "f"
     "72696e672e",
     "f49f93c5112c0787acc808d61716d7e090e076a58f15a3f78d92773f8dcb473b",
     "dae68498c41315cff7e4a34dded8d973199d8f0cf3fcb8b6651c169de77de8be",
     "b790546f98b1e933c48cd01f17e7b281469d46fcacc9a3b584ae65b1d6272e8e",
     "c0875a5b59c8492bd2135e5432d7d484f938e0a1f5009428c4bcb70b2f69f69f",
     "2ea5942829bac414e25aa4cbb1bcc43394816ebb1bd12550d7d0eb4415e42951",
     "",
     {{{"95a8f51c435a9530ff1f30868ed7b23ec952eb513c26a0774fed82d2978a8c81",
        "6d21fec9141f3f37cc464e936a48b2d9521b5a44e0f3d960895d3c3fba30282f731f445c25e898e2534ac0536715b24308"
        "c108fc46bd260c887b36c3f68e3a05654fc8295c068ed53fb2022560961224e0b10b0835e1efc82fc587cd50f7178fe3d9"
        "eb06e0351c6e7334162c10bed670bfa2a105f7b2768a140b3fd597782601"},
       {"b866b807a6d8b83182b884dbfedc861843c5082bd6e480cb54e4245a72083041",
        "e64e1fb8701c4f4bc3850b255fea657d4d835338b059c89acc99628fbe52473b41a4e79e3c1e6abc46bf80f078a005e15d"
        "8a3e04f989af3e6cb99b52031165006163ac3e17b928af8c116009d7bf4fb2"},
       {"e3a4937faef391028f759758b428b57652e0069a8dee64dfed01b60846938740",
        "2bebe19102169cdfe79cf41e38930bfd20a5b2fc78ccf33e853ddd939c0983174656eb27b61464a607762848892ca1c0"},
       {"693972f27b0cb98aeac1fb54d782125431e7540e0cb2fa882cf51a8184d724fd",
        "c7c56da33b45d12f4754e17978bd49999c9c8f51d00db460f902aba2e6e245d0c46662f507915de8596f43b1d175f1db"},
       {},
       {}}}},
};

const auto kClient = Keypair::of(counting<32>(1));
const auto kServer = Keypair::of(counting<32>(101));

Bytes text(std::string_view said) {
  return {said.begin(), said.end()};
}

Bytes hello_of(std::string_view said, const Key& server = kServer.public_key) {
  ClientHandshake client({}, kClient, server);
  return client.hello(text(said)).value();
}

bool carries(CipherState& from, CipherState& to, const Message& message) {
  const auto plain = bytes_from_hex(message.payload);
  Bytes box(plain.size() + CipherState::kTag), back(plain.size());
  from.seal({}, plain, box.data());
  CHECK(hex(box) == message.sent);
  return to.open({}, box, back.data()) && back == plain;
}

}  // namespace

TEST_CASE("Noise IK says what the published vectors say, from both ends") {
  for (const auto& v : kVectors) {
    const auto prologue = bytes_from_hex(v.prologue);
    const auto server_keys = Keypair::of(from_hex(v.server));
    const auto client_keys = Keypair::of(from_hex(v.client));
    CHECK(hex(server_keys.public_key) == v.server_public);
    ClientHandshake client(prologue, client_keys, server_keys.public_key,
                           Keypair::of(from_hex(v.client_ephemeral)));
    ServerHandshake server(prologue, server_keys, Keypair::of(from_hex(v.server_ephemeral)));
    const auto hello = client.hello(bytes_from_hex(v.messages[0].payload));
    REQUIRE(hello.has_value());
    CHECK(hex(*hello) == v.messages[0].sent);
    const auto heard = server.read(*hello);
    REQUIRE(heard.has_value());
    CHECK(hex(heard->client) == hex(client_keys.public_key));
    CHECK(hex(heard->payload) == v.messages[0].payload);
    const auto answer = server.answer(bytes_from_hex(v.messages[1].payload));
    REQUIRE(answer.has_value());
    CHECK(hex(*answer) == v.messages[1].sent);
    const auto payload = client.finish(*answer);
    REQUIRE(payload.has_value());
    CHECK(hex(*payload) == v.messages[1].payload);
    auto at_client = client.session(), at_server = server.session();
    CHECK(hex(at_client.hash) == hex(at_server.hash));
    if (!v.hash.empty()) CHECK(hex(at_client.hash) == v.hash);
    for (std::size_t i = 2; i < v.messages.size() && !v.messages[i].sent.empty(); ++i)
      CHECK((i % 2 == 0 ? carries(at_client.client_to_server, at_server.client_to_server, v.messages[i])
                        : carries(at_server.server_to_client, at_client.server_to_client, v.messages[i])));
  }
}

TEST_CASE("a hello that was cut, changed anywhere or meant for another is not read") {
  const auto hello = hello_of("user");
  for (std::size_t size = 0; size < hello.size(); ++size) {
    ServerHandshake server({}, kServer);
    CHECK_FALSE(server.read(std::span(hello).first(size)));
  }
  for (std::size_t i = 0; i < hello.size(); ++i) {
    auto changed = hello;
    changed[i] ^= 1;
    ServerHandshake server({}, kServer);
    CHECK_FALSE(server.read(changed));
  }
  ServerHandshake another({}, kClient);
  CHECK_FALSE(another.read(hello));
  ServerHandshake elsewhere(text("prologue"), kServer);
  CHECK_FALSE(elsewhere.read(hello));
  ServerHandshake right({}, kServer);
  CHECK(right.read(hello));
}

TEST_CASE("an answer that was cut, changed anywhere or given to another is not taken") {
  const auto answer_to = [](const Bytes& hello) {
    ServerHandshake server({}, kServer);
    REQUIRE(server.read(hello));
    return server.answer(text("welcome")).value();
  };
  const auto ephemeral = Keypair::draw();
  const auto hello = ClientHandshake({}, kClient, kServer.public_key, ephemeral).hello(text("user")).value();
  const auto answer = answer_to(hello);
  const auto taken = [&](std::span<const std::uint8_t> said) {
    ClientHandshake client({}, kClient, kServer.public_key, ephemeral);
    REQUIRE(client.hello(text("user")) == hello);
    return client.finish(said).has_value();
  };
  CHECK(taken(answer));
  for (std::size_t size = 0; size < answer.size(); ++size) CHECK_FALSE(taken(std::span(answer).first(size)));
  for (std::size_t i = 0; i < answer.size(); ++i) {
    auto changed = answer;
    changed[i] ^= 1;
    CHECK_FALSE(taken(changed));
  }
  CHECK_FALSE(taken(answer_to(hello_of("user"))));
}

TEST_CASE("keys of small order are refused at both ends") {
  // RFC 7748 6.1: what makes the exchange zero whatever the secret.
  const Key zero{}, one{1};
  for (const auto& bad : {zero, one}) {
    ClientHandshake client({}, kClient, bad);
    CHECK_FALSE(client.hello({}));
    auto hello = hello_of("");
    std::ranges::copy(bad, hello.begin());
    ServerHandshake server({}, kServer);
    CHECK_FALSE(server.read(hello));
    ClientHandshake asked({}, kClient, kServer.public_key);
    REQUIRE(asked.hello({}));
    Bytes answer(ClientHandshake::kServerHello);
    std::ranges::copy(bad, answer.begin());
    CHECK_FALSE(asked.finish(answer));
  }
}

TEST_CASE("no two connections have a word in common") {
  const auto a = hello_of("user"), b = hello_of("user");
  std::size_t same = 0;
  for (std::size_t i = 0; i < a.size(); ++i) same += a[i] == b[i];
  CHECK(same < 10);
}

TEST_CASE("messages are opened in their order, once, whole, with their data and in place") {
  CipherState from(counting<32>(0)), to(counting<32>(0));
  const Bytes first = text("first"), second = text("second"), data = text("length");
  Bytes a(first.size() + CipherState::kTag), b(second.size() + CipherState::kTag);
  from.seal(data, first, a.data());
  from.seal({}, second, b.data());
  Bytes out(32);
  CHECK_FALSE(to.open({}, b, out.data()));
  CHECK_FALSE(to.open({}, a, out.data()));
  CHECK_FALSE(to.open(data, std::span(a).first(a.size() - 1), out.data()));
  CHECK_FALSE(to.open(data, std::span(a).first(3), out.data()));
  REQUIRE(to.open(data, a, a.data()));
  CHECK(std::equal(first.begin(), first.end(), a.begin()));
  CHECK_FALSE(to.open(data, a, out.data()));
  CHECK(to.open({}, b, out.data()));
}
