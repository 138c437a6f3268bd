#include <doctest.h>

#include <unistd.h>

#include "config/client_config.hpp"
#include "config/private_file.hpp"

using namespace surang;
using namespace surang::config;

TEST_CASE("a rule is taken out and nothing else") {
  const auto file =
      std::filesystem::temp_directory_path() / ("rules-" + std::to_string(::getpid()) + ".toml");
  const std::string head = "# mine\nlog_level = \"debug\"\n";
  const std::string tail =
      "\n# the bank\n[[rule]]\naction = \"always-direct\" # never abroad\npattern = \"bank.example\"\n"
      "\n[detection]\nhedge_ms = 300\n";
  REQUIRE(
      write_private_file(file, head + "\n[[rule]]\naction = \"never\"\npattern = '*.ads.example'\n" + tail));
  std::string why;
  CHECK(remove_rule(file, "other.example", why).value() == 0);
  CHECK(remove_rule(file, "*.ads.example", why).value() == 1);
  CHECK(read_file(file).value() == head + tail);
  CHECK(remove_rule(file, "bank.example", why).value() == 1);
  CHECK(load_client_config(file, why)->rules.empty());
  CHECK(read_file(file).value() == head + "\n# the bank\n\n[detection]\nhedge_ms = 300\n");
  REQUIRE(append_rule(file, {RuleAction::never, "x.example"}, why));
  CHECK(remove_rule(file, "x.example", why).value() == 1);
  REQUIRE(write_private_file(file, "rule = [{action = \"never\", pattern = \"x.example\"}]\n"));
  CHECK_FALSE(remove_rule(file, "x.example", why));
  CHECK(why.find("a person") != std::string::npos);
  std::filesystem::remove(file);
}
