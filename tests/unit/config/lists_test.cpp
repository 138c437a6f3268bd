// The lists that the client ships with, and the files by which a person adds to them.
#include <doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "config/client_config.hpp"
#include "tests/support/temporary_dir.hpp"

using namespace surang;
using namespace surang::config;

namespace {

namespace fs = std::filesystem;
using Kind = BlockPageMark::Kind;

struct Folder : test::TemporaryDir {
  fs::path config = path / "client.toml";
  Folder() { write("client.toml", ""); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }

  ClientOptions load() const {
    std::string why;
    const auto options = load_client_config(config, why);
    REQUIRE_MESSAGE(options.has_value(), why);
    return *options;
  }
  std::string refused() const {
    std::string why;
    const auto options = load_client_config(config, why);
    REQUIRE(options.has_error());
    CHECK(options.error() == Errc::bad_input);
    return why;
  }
};

bool holds(const BlockPageList& list, Kind kind, const std::string& text) {
  return std::ranges::find(list.marks, BlockPageMark{kind, text}) != list.marks.end();
}

const ServiceGroup* named(const std::vector<ServiceGroup>& services, const std::string& name) {
  const auto found = std::ranges::find(services, name, &ServiceGroup::name);
  return found == services.end() ? nullptr : &*found;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("the shipped lists are there and sound") {
  const auto& pages = shipped_block_pages();
  CHECK(pages.marks.size() > 200);
  CHECK(holds(pages, Kind::place, "surfsafely.pk"));
  CHECK(holds(pages, Kind::phrase, "Surf Safely!"));
  CHECK(holds(pages, Kind::header, "Server: Protected by WireFilter"));
  const auto& services = shipped_services();
  for (const auto* name : {"X", "Meta", "Telegram", "Wikipedia", "YouTube"}) {
    REQUIRE_MESSAGE(named(services, name), name);
    for (const auto& pattern : named(services, name)->patterns)
      CHECK_MESSAGE(valid_rule_pattern(pattern), pattern);
  }
  CHECK(default_client_options().block_pages == pages);
  CHECK(default_client_options().services == services);
}

TEST_CASE("files beside the configuration add to the shipped lists and take away") {
  const Folder folder;
  folder.write("block_pages.toml", R"(
disable = ["Netsweeper", "no longer shipped"]
[[page]]
country = "Exampleland"
note = "seen on 3 May"
places = ["notice.isp.example/stop"]
phrases = ["This site has been blocked", "Surf Safely!"]
headers = ["Server: Example Filter"]
)");
  folder.write("services.toml", R"(
disable = ["YouTube"]
[[service]]
name = "Example"
note = "ours"
patterns = ["example.com", "=cdn.example.net"]
[[service]]
name = "X"
patterns = ["x.example"]
)");
  const auto options = folder.load();
  CHECK(holds(options.block_pages, Kind::place, "notice.isp.example/stop"));
  CHECK(holds(options.block_pages, Kind::phrase, "This site has been blocked"));
  CHECK(holds(options.block_pages, Kind::header, "Server: Example Filter"));
  CHECK(!holds(options.block_pages, Kind::phrase, "Netsweeper"));
  CHECK(options.block_pages.marks.size() == shipped_block_pages().marks.size() + 2);
  REQUIRE(named(options.services, "Example"));
  CHECK(named(options.services, "Example")->patterns ==
        std::vector<std::string>{"example.com", "=cdn.example.net"});
  CHECK(named(options.services, "X")->patterns.back() == "x.example");
  CHECK(!named(options.services, "YouTube"));
  // A text alone touches no file; where the configuration itself is missing, they hold.
  std::string why;
  CHECK(parse_client_config("", folder.config.string(), why)->block_pages == shipped_block_pages());
  CHECK(client_options_without_file(folder.config, why)->services == options.services);
}

TEST_CASE("a setting names other files, relative to the configuration, or none") {
  const Folder folder;
  folder.write("block_pages.toml", "broken");
  folder.write("one.toml", "[[page]]\nplaces = [\"one.isp.example\"]\n");
  folder.write("two.toml", "disable = [\"one.isp.example\"]\n[[page]]\nplaces = [\"two.isp.example\"]\n");
  folder.write("client.toml",
               "block_pages = [\"one.toml\", \"" + (folder.path / "two.toml").string() + "\"]\n");
  const auto options = folder.load();
  CHECK(!holds(options.block_pages, Kind::place, "one.isp.example"));
  CHECK(holds(options.block_pages, Kind::place, "two.isp.example"));
  folder.write("client.toml", "block_pages = []\n");
  CHECK(folder.load().block_pages == shipped_block_pages());
  folder.write("client.toml", "\nservices = [\"none.toml\"]\nblock_pages = []\n");
  CHECK(folder.refused() ==
        "client.toml:2: 'services': there is no file " + (folder.path / "none.toml").string());
}

TEST_CASE("a broken list is refused with file and line") {
  const Folder folder;
  const auto pages = [&](const std::string& text) {
    folder.write("block_pages.toml", text);
    return folder.refused();
  };
  CHECK(mentions(pages("[[page]\n"), "block_pages.toml:1: "));
  CHECK(pages("[[page]]\nplace = [\"isp.example\"]\n") ==
        "block_pages.toml:2: unknown key 'place', did you mean 'places'?");
  CHECK(mentions(pages("\n[[page]]\nnote = \"x\"\n"), "block_pages.toml:2: a page needs at least one"));
  CHECK(mentions(pages("[[page]]\nphrases = [\"no\"]\n"), "block_pages.toml:2: 'no' is too short"));
  CHECK(mentions(pages("[[page]]\nphrases = [\"" + std::string(201, 'x') + "\"]\n"),
                 "is longer than 200 bytes"));
  CHECK(mentions(pages("[[page]]\nphrases = [\"two\\nlines\"]\n"), "one line"));
  CHECK(mentions(pages("[[page]]\nheaders = [\"Some Filter\"]\n"), "is no header such as"));
  CHECK(mentions(pages("[[page]]\nheaders = [\"Some Filter: 1\"]\n"), "is no header such as"));
  CHECK(mentions(pages("[[page]]\nplaces = [\"some isp\"]\n"), "has a blank"));
  std::string many = "[[page]]\nphrases = [";
  for (std::size_t i = 0; i < BlockPageList::kMost; ++i) many += "\"phrase " + std::to_string(i) + "\",";
  CHECK(mentions(pages(many + "]\n"), "more than 4000 marks"));
  CHECK(mentions(pages(std::string(300'000, '#')), "larger than 256 KB"));
  folder.write("block_pages.toml", "");

  const auto services = [&](const std::string& text) {
    folder.write("services.toml", text);
    return folder.refused();
  };
  CHECK(
      mentions(services("[[service]]\npatterns = [\"a.example\"]\n"), "services.toml:1: 'name' is missing"));
  CHECK(mentions(services("[[service]]\nname = \"A\"\n"), "'patterns' must list at least one"));
  CHECK(mentions(services("[[service]]\nname = \"A\"\npatterns = [\"a..b\"]\n"),
                 "services.toml:3: 'a..b' is no pattern"));
  CHECK(mentions(services("[[service]]\nname = \"\"\npatterns = [\"a.example\"]\n"),
                 "services.toml:2: 'name'"));
}

TEST_CASE("a host in two services is refused, and both are named") {
  const Folder folder;
  const auto clash = [&](const std::string& mine, const std::string& theirs) {
    folder.write("services.toml", "[[service]]\nname = \"A\"\npatterns = [\"" + mine +
                                      "\"]\n[[service]]\nname = \"B\"\npatterns = [\"" + theirs + "\"]\n");
    std::string why;
    return load_client_config(folder.config, why).has_error() ? why : std::string();
  };
  CHECK(clash("a.example", "a.example") ==
        "services.toml:6: 'a.example' of the service B and 'a.example' of the service A cover the same "
        "hosts: a host "
        "belongs to one service only");
  CHECK(!clash("a.example", "cdn.a.example").empty());
  CHECK(!clash("cdn.a.example", "*.a.example").empty());
  CHECK(!clash("A.example", "=a.example").empty());
  CHECK(!clash("*.a.example", "a.example").empty());
  CHECK(!clash("10.0.0.0/8", "10.1.0.0/16").empty());
  CHECK(!clash("10.1.2.3", "10.1.0.0/16").empty());
  CHECK(!clash("www.x.com", "b.example").empty());  // X is shipped
  CHECK(clash("=a.example", "*.a.example").empty());
  CHECK(clash("=a.example", "cdn.a.example").empty());
  CHECK(clash("a.example", "ba.example").empty());
  CHECK(clash("10.0.0.0/16", "10.1.0.0/16").empty());
  CHECK(clash("10.0.0.0/8", "a.example").empty());
}

TEST_CASE("sensitive hosts are patterns") {
  std::string why;
  const auto options = parse_client_config(
      "sensitive = [\"bank.example\", \"*.clinic.example\", \"192.0.2.0/24\"]", "client.toml", why);
  REQUIRE_MESSAGE(options.has_value(), why);
  CHECK(options->sensitive.size() == 3);
  CHECK(parse_client_config("\nsensitive = [\"a b\"]", "client.toml", why).has_error());
  CHECK(mentions(why, "client.toml:2: 'a b' is no pattern"));
}
