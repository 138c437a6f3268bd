#include "client/pt/obfs4_state.hpp"

#include <doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "client/pt/obfs4_settings.hpp"
#include "config/private_file.hpp"

using namespace surang;
using namespace surang::client::pt;

namespace {

// As obfs4proxy 0.0.14 wrote it, and what it told of it.
constexpr auto kWritten =
    R"({"node-id":"04b94c16a75689a7b5f9e2096359de04d5c7dc6c",)"
    R"("private-key":"50f63067bfee9e9c052382e59aefda9a21f61cf321cf77c4a469f8be6f910cfc",)"
    R"("public-key":"8495dca5404abfba3df7a6bbbb6edd7610d0d28bb51060f4f882e70d1581ff72",)"
    R"("drbg-seed":"976deb89ebcfc04df5cf0c6a7cc7c5536da6c6bf6e42ad46","iat-mode":0})";
constexpr auto kCert = "BLlMFqdWiae1+eIJY1neBNXH3GyEldylQEq/uj33pru7bt12ENDSi7UQYPT4gucNFYH/cg";

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "surang-pt-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::string text(const char* name) const { return *config::read_file(path / name); }
};

Result<Obfs4State> load(const Folder& folder, const Arguments& options, std::string& why) {
  return load_state(folder.path / "state", options, why);
}

std::string state_refusal(std::string_view json) {
  std::string why;
  CHECK_MESSAGE(!parse_state(json, why), json);
  return why;
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  return text.replace(text.find(what), what.size(), by);
}

}  // namespace

TEST_CASE("a state that obfs4proxy wrote is taken over as it is") {
  std::string why;
  const auto state = parse_state(kWritten, why);
  REQUIRE_MESSAGE(state.has_value(), why);
  CHECK(obfs4::format_cert(state->identity.node) == kCert);
  CHECK(to_hex(state->seed) == "976deb89ebcfc04df5cf0c6a7cc7c5536da6c6bf6e42ad46");
  CHECK(state->iat == obfs4::IatMode::off);
  CHECK(format_state(*state) == kWritten);
  CHECK(format_bridge_line(*state).ends_with(
      "\nBridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> cert=" + std::string(kCert) + " iat-mode=0\n"));
  // The public key is what follows from the private one, whatever is written.
  const auto other = parse_state(replaced(kWritten, "8495dca5", "00000000"), why);
  REQUIRE(other.has_value());
  CHECK(other->identity.node == state->identity.node);
}

TEST_CASE("a state that is none is refused") {
  const std::string good = kWritten;
  CHECK(state_refusal("") == "it is no JSON object");
  CHECK(state_refusal("[]") == "it is no JSON object");
  CHECK(state_refusal(good.substr(0, 100)) == "it is no JSON object");
  CHECK(state_refusal("{}") == "node-id is not 40 hex digits");
  CHECK(state_refusal(replaced(good, "04b94c", "04b94g")) == "node-id is not 40 hex digits");
  CHECK(state_refusal(replaced(good, "50f630", "50f6")) == "private-key is not 64 hex digits");
  CHECK(state_refusal(replaced(good, "976deb", "976d")) == "drbg-seed is not 48 hex digits");
  CHECK(state_refusal(replaced(good, "mode\":0", "mode\":3")) == "iat-mode is not 0, 1 or 2");
  CHECK(state_refusal(replaced(good, "mode\":0", "mode\":\"0\"")) == "iat-mode is not 0, 1 or 2");
}

TEST_CASE("a state is made once and found again") {
  const Folder folder;
  std::string why;
  const auto made = load(folder, {}, why);
  REQUIRE_MESSAGE(made.has_value(), why);
  const auto written = folder.text("state/obfs4_state.json");
  CHECK(written == format_state(*made));
  struct stat about {};
  for (const auto* name : {"state/obfs4_state.json", "state/obfs4_bridgeline.txt"}) {
    REQUIRE(::stat((folder.path / name).c_str(), &about) == 0);
    CHECK((about.st_mode & 0777) == 0600);
  }
  const auto found = load(folder, {}, why);
  REQUIRE(found.has_value());
  CHECK(found->identity.node == made->identity.node);
  CHECK(folder.text("state/obfs4_state.json") == written);
  // What is not understood is not overwritten.
  REQUIRE(config::write_private_file(folder.path / "state/obfs4_state.json", "{broken").has_value());
  CHECK(!load(folder, {}, why));
  CHECK(why.find("obfs4_state.json: it is no JSON object") != std::string::npos);
  CHECK(folder.text("state/obfs4_state.json") == "{broken");
}

TEST_CASE("options of the torrc go before the state, and into it") {
  const Folder folder;
  std::string why;
  const auto made = load(folder, {}, why);
  REQUIRE(made.has_value());
  auto state = load(folder, {{"iat-mode", "2"}}, why);
  REQUIRE(state.has_value());
  CHECK(state->iat == obfs4::IatMode::paranoid);
  CHECK(state->identity.node == made->identity.node);
  CHECK(load(folder, {}, why)->iat == obfs4::IatMode::paranoid);
  CHECK(folder.text("state/obfs4_bridgeline.txt").ends_with(" iat-mode=2\n"));

  const Arguments keys{{"node-id", "04b94c16a75689a7b5f9e2096359de04d5c7dc6c"},
                       {"private-key", "50f63067bfee9e9c052382e59aefda9a21f61cf321cf77c4a469f8be6f910cfc"},
                       {"drbg-seed", "976deb89ebcfc04df5cf0c6a7cc7c5536da6c6bf6e42ad46"}};
  state = load(folder, keys, why);
  REQUIRE(state.has_value());
  CHECK(obfs4::format_cert(state->identity.node) == kCert);
  REQUIRE(config::write_private_file(folder.path / "state/obfs4_state.json", "{broken").has_value());
  REQUIRE(load(folder, keys, why).has_value());
  CHECK(folder.text("state/obfs4_state.json") == kWritten);

  for (const auto& [key, value] : keys) {
    auto some = keys;
    some.erase(key);
    CHECK(!load(folder, some, why));
    CHECK(why == "node-id, private-key and drbg-seed must be given together");
    some[key] = value + "0";
    if (key != "drbg-seed") CHECK(!load(folder, some, why));
  }
  CHECK(!load(folder, {{"iat-mode", "3"}}, why));
  CHECK(!load(folder, {{"iat-mode", ""}}, why));
}

TEST_CASE("bridge lines in both of their forms") {
  std::string why;
  const auto by_cert = read_settings({{"cert", kCert}, {"iat-mode", "1"}}, why);
  REQUIRE_MESSAGE(by_cert.has_value(), why);
  CHECK(by_cert->iat == obfs4::IatMode::enabled);
  CHECK(by_cert->shape.style != obfs4::Style::plain);
  const auto by_keys =
      read_settings({{"node-id", "04b94c16a75689a7b5f9e2096359de04d5c7dc6c"},
                     {"public-key", "8495DCA5404ABFBA3DF7A6BBBB6EDD7610D0D28BB51060F4F882E70D1581FF72"}},
                    why);
  REQUIRE_MESSAGE(by_keys.has_value(), why);
  CHECK(by_keys->bridge == by_cert->bridge);
  CHECK(by_keys->shape.style == by_cert->shape.style);  // the bridge's own
  CHECK(by_keys->shape.taste == by_cert->shape.taste);
  CHECK(read_settings({{"cert", kCert}, {"shape", "plain"}}, why)->shape.style == obfs4::Style::plain);
  for (const Arguments& wrong :
       {Arguments{}, Arguments{{"cert", "AAAA"}}, Arguments{{"cert", kCert}, {"iat-mode", "3"}},
        Arguments{{"cert", kCert}, {"iat-mode", ""}}, Arguments{{"cert", kCert}, {"shape", "round"}},
        Arguments{{"node-id", "04b94c16a75689a7b5f9e2096359de04d5c7dc6c"}}})
    CHECK(!read_settings(wrong, why));
}

TEST_CASE("a stranger is held as long as obfs4proxy holds one") {
  // As long as obfs4proxy 0.0.14 kept a connection beyond 30 s, in whole seconds.
  const auto held = [](std::string_view seed) {
    obfs4::Seed bytes{};
    REQUIRE(from_hex(seed, bytes));
    return patience_of(bytes).count();
  };
  CHECK(held("000000000000000000000000000000000000000000000000") == 55);
  CHECK(held("000102030405060708090a0b0c0d0e0f1011121314151617") == 24);
  CHECK(held("976deb89ebcfc04df5cf0c6a7cc7c5536da6c6bf6e42ad46") == 53);
  CHECK(held("ffffffffffffffffffffffffffffffffffffffffffffffff") == 51);
}

TEST_CASE("no seed is drawn that crashes obfs4proxy") {
  obfs4::Seed seed{};
  int harmful = 0;
  for (int i = 0; i < 1000; ++i) {
    seed[0] = static_cast<std::uint8_t>(i);
    seed[1] = static_cast<std::uint8_t>(i >> 8);
    harmful += crashes_obfs4proxy(seed) ? 1 : 0;
  }
  CHECK(harmful > 5);
  CHECK(harmful < 100);
  for (int i = 0; i < 300; ++i) CHECK_FALSE(crashes_obfs4proxy(draw_state().seed));
}
