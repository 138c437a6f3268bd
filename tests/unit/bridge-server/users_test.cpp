// The database of users and their table in the running bridge.
#include <doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "bridge-server/keys.hpp"
#include "bridge-server/users/user_store.hpp"
#include "bridge-server/users/user_table.hpp"

using namespace surang;
using namespace surang::bridge;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "surang-users-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST_CASE("users are kept") {
  const Folder folder;
  const auto file = folder.path / "users.db";
  std::string why;
  UserKey key;
  {
    UserStore store(file);
    const auto me = store.add("me", {}, {}, why);
    REQUIRE(me.has_value());
    key = me->key;
    const auto aunt = store.add("Aunt Ayesha", 1'900'000'000, 5'000'000'000u, why);
    REQUIRE(aunt.has_value());
    CHECK(!(aunt->key == key));
    CHECK(store.add("me", {}, {}, why).has_error());
    CHECK(why.find("'me'") != std::string::npos);
    for (const std::string name : {"", " a", "a ", "a\nb", "a\x7f"}) {
      why.clear();
      CHECK(store.add(name, {}, {}, why).has_error());
      CHECK(!why.empty());
    }
    CHECK(store.add(std::string(65, 'a'), {}, {}, why).has_error());
    store.add_usage({{key.id, 10}, {aunt->key.id, 7}, {UserId{}, 5}});
    store.add_usage({{key.id, 5}});
  }
  UserStore again(file);
  const auto users = again.list();
  REQUIRE(users.size() == 2);
  CHECK(users[0].name == "Aunt Ayesha");
  CHECK((users[0].expires == 1'900'000'000));
  CHECK((users[0].quota == 5'000'000'000u));
  CHECK(users[0].used == 7);
  CHECK((users[1].key == key));
  CHECK(!users[1].expires);
  CHECK(users[1].used == 15);
  CHECK(again.remove("me"));
  CHECK(!again.remove("me"));
  CHECK(!again.find("me"));
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms(0777)) ==
        std::filesystem::perms(0600));
}

TEST_CASE("two programs write the same database") {
  const Folder folder;
  UserStore running(folder.path / "users.db"), cli(folder.path / "users.db");
  std::string why;
  REQUIRE(cli.add("me", {}, {}, why).has_value());
  const auto seen = running.find("me");
  REQUIRE(seen);
  running.add_usage({{seen->key.id, 3}});
  CHECK(cli.find("me")->used == 3);
}

TEST_CASE("a file that is no database is named") {
  const Folder folder;
  const auto file = folder.path / "users.db";
  std::ofstream(file) << "certainly not a database, but long enough to be taken for the head of one";
  CHECK_THROWS_WITH_AS(UserStore{file}, doctest::Contains("users.db"), std::runtime_error);
}

TEST_CASE("the table admits who is in good standing and follows the database") {
  UserTable table;
  UserRecord me, late, full;
  me.key.id.bytes[0] = 1;
  late.key.id.bytes[0] = 2;
  late.expires = unix_now() - 1;
  full.key.id.bytes[0] = 3;
  full.quota = 100;
  full.used = 90;
  table.load({me, late, full});
  CHECK(table.find(me.key.id));
  CHECK(!table.find(late.key.id));
  CHECK(table.find(full.key.id));
  CHECK(!table.find(UserId{}));

  const auto account = table.account(full.key.id);
  account->used += 10;
  CHECK(!table.find(full.key.id));
  const auto usage = table.take_usage();
  REQUIRE(usage.size() == 1);
  CHECK(usage[0].second == 10);
  CHECK(table.take_usage().empty());

  // What passed since the database was written is not forgotten by a reload; a greater quota counts at once.
  full.quota = 200;
  late.expires = {};
  table.load({late, full});
  CHECK(table.find(full.key.id));
  CHECK(table.account(full.key.id) == account);
  CHECK(account->used == 100);
  CHECK(table.find(late.key.id));
  CHECK(!table.find(me.key.id));

  // What another bridge with the same database has added to it counts, and is not added once more.
  account->used += 5;
  full.used = 130;
  table.load({late, full});
  CHECK(account->used == 135);
  CHECK(table.take_usage() == std::vector{std::pair{full.key.id, std::uint64_t{5}}});
  full.used = 200;
  table.load({late, full});
  CHECK(!table.find(full.key.id));
  CHECK(table.take_usage().empty());

  // The same name with fresh keys is somebody else.
  full.key.secret[0] = 9;
  full.used = 0;
  table.load({full});
  CHECK(account->removed);
  CHECK(table.account(full.key.id) != account);
}

TEST_CASE("the bridge's keys survive, damage is told") {
  const Folder folder;
  const auto file = keys_file(folder.path);
  const auto keys = make_bridge_keys();
  REQUIRE(save_bridge_keys(file, keys).has_value());
  std::string why;
  const auto read = load_bridge_keys(file, why);
  REQUIRE(read.has_value());
  CHECK((read->private_key == keys.private_key));
  CHECK((read->public_key == keys.public_key));
  CHECK((read->node_id == keys.node_id));
  CHECK((read->secret == keys.secret));
  CHECK(!(make_bridge_keys().private_key == keys.private_key));
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms(0777)) ==
        std::filesystem::perms(0600));
  std::ofstream(file) << "{\"private_key\":\"00\"}";
  CHECK(load_bridge_keys(file, why).error() == Errc::bad_input);
  CHECK(why.find("keys.json") != std::string::npos);
}
