// The store keeps, finds, bounds and survives.
#include <doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "client/detection/verdict_store.hpp"

using namespace surang::client;

namespace {

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "surang-store-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("mkdtemp");
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

Verdict verdict(const std::string& subject, UnixSeconds expires, const std::string& network = "home") {
  Verdict v;
  v.network = network;
  v.subject = subject;
  v.signal = Signal::tls_rst;
  v.since = 100;
  v.used = expires;
  v.expires = expires;
  return v;
}

}  // namespace

TEST_CASE("verdicts are found by network, subject and scope, after reopening too") {
  Folder folder;
  const auto file = folder.path / "verdicts.db";
  {
    VerdictStore store(file);
    store.put(verdict("x.example", 200));
    store.put(verdict("x.example", 300));
    store.put(verdict("x.example", 250, "cafe"));
    auto v4 = verdict("x.example", 280);
    v4.family = Family::v4;
    store.put(v4);
    CHECK(store.rows() == 3);
  }
  VerdictStore store(file);
  CHECK(store.rows() == 3);
  const auto found = store.find("home", "x.example", Scope::host);
  REQUIRE(found);
  CHECK(found->expires == 300);
  CHECK(found->signal == Signal::tls_rst);
  CHECK(!store.find("home", "x.example", Scope::domain));
  CHECK(!store.find("work", "x.example", Scope::host));
  CHECK(store.list("home").size() == 2);
  CHECK(store.list("").size() == 3);
  store.erase("home", "x.example", Scope::host);
  CHECK(store.rows() == 1);
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::others_read) ==
        std::filesystem::perms::none);
}

TEST_CASE("siblings, endings and use") {
  VerdictStore store({});
  store.put(verdict("a.x.com", 200));
  store.put(verdict("b.x.com", 300));
  auto at = verdict("c.y.com", 300);
  at.address = "93.184.1.1";
  store.put(at);
  CHECK(store.siblings("home", "x.com", 150).size() == 2);
  CHECK(store.siblings("home", "x.com", 250).size() == 1);
  CHECK(store.at_address("home", "93.184.1.1", 150).size() == 1);
  CHECK(store.to_probe("home", 150).size() == 3);
  CHECK(store.to_probe("home", 220).size() == 2);  // one holds no longer
  store.used(*store.find("home", "a.x.com", Scope::host), 900);
  CHECK(store.find("home", "b.x.com", Scope::host)->used == 900);
  CHECK(store.find("home", "c.y.com", Scope::host)->used == 300);
}

TEST_CASE("the store is bounded, and drops what was used longest ago") {
  VerdictStore store({}, 100);
  for (int i = 0; i < 250; ++i) store.put(verdict("h" + std::to_string(i) + ".example", 1000 + i));
  CHECK(store.rows() <= 100);
  CHECK(store.find("home", "h249.example", Scope::host));
  CHECK(!store.find("home", "h0.example", Scope::host));
  for (int i = 0; i < 300; ++i) {
    Evidence e;
    e.at = i;
    store.add_evidence("home", "x.example", e);
  }
  const auto kept = store.evidence("home", "x.example");
  CHECK(kept.size() == 8);
  CHECK(kept.back().at == 299);
}

TEST_CASE("a writer killed at any of 200 moments leaves a store that opens and holds all that it held") {
  Folder folder;
  const auto file = folder.path / "verdicts.db";
  std::mt19937 random(7);
  const auto name = [](int round, int n) {
    return "r" + std::to_string(round) + "n" + std::to_string(n) + ".example";
  };
  std::vector<int> held;  // of each round, how many were put
  for (int round = 0; round < 200; ++round) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      VerdictStore store(file);
      for (int i = 0;; ++i) {
        store.put(verdict(name(round, i), 1000));
        store.add_evidence("home", "x.example", {});
        if (write(ends[1], "w", 1) != 1) _exit(1);
      }
    }
    close(ends[1]);
    // Most are killed at work, however slow the computer; every fourth perhaps while it opens the file.
    char block[4096];
    int put = 0;
    if (round % 4 != 3) put += static_cast<int>(read(ends[0], block, 1));
    usleep(random() % 20'000);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (auto n = read(ends[0], block, sizeof block); n > 0; n = read(ends[0], block, sizeof block))
      put += static_cast<int>(n);
    close(ends[0]);
    held.push_back(put);
    VerdictStore store(file);
    for (int n = 0; n < put; ++n) REQUIRE(store.find("home", name(round, n), Scope::host));
    if (round > 0 && held[static_cast<std::size_t>(round) - 1] > 0)
      CHECK(store.find("home", name(round - 1, 0), Scope::host));
  }
  CHECK(!std::filesystem::exists(file.string() + ".broken"));
}

TEST_CASE("a file that is no database is put aside") {
  Folder folder;
  const auto file = folder.path / "verdicts.db";
  std::ofstream(file) << std::string(10'000, 'x');
  VerdictStore store(file);
  store.put(verdict("x.example", 200));
  CHECK(store.rows() == 1);
  CHECK(std::filesystem::exists(file.string() + ".broken"));
  CHECK_THROWS(VerdictStore(folder.path / "missing" / "verdicts.db"));
}
