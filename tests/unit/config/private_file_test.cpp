#include "config/private_file.hpp"

#include <doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temporary_dir.hpp"

using namespace surang;
using namespace surang::config;
namespace fs = std::filesystem;

TEST_CASE("a link to a file stays one") {
  const test::TemporaryDir dir;
  fs::create_directory(dir.path / "dotfiles");
  const auto real = dir.path / "dotfiles" / "real.toml", named = dir.path / "client.toml";
  fs::create_symlink("dotfiles/link.toml", named);
  fs::create_symlink(real, dir.path / "dotfiles" / "link.toml");
  for (const auto* content : {"made", "changed"}) {  // the first time they lead nowhere
    REQUIRE(write_private_file(named, content));
    CHECK(fs::is_symlink(named));
    CHECK(fs::is_symlink(dir.path / "dotfiles" / "link.toml"));
    CHECK(fs::is_regular_file(fs::symlink_status(real)));
    CHECK(read_file(named).value() == content);
  }
  fs::create_symlink("round", dir.path / "round");
  CHECK(write_private_file(dir.path / "round" / "x", "").has_error());
}

TEST_CASE("who owns a file goes on owning it") {
  const test::TemporaryDir dir;
  const auto file = dir.path / "client.toml";
  REQUIRE(write_private_file(file, "a"));
  const bool root = ::geteuid() == 0;
  constexpr uid_t kSomebody = 12345;
  const uid_t owner = root ? kSomebody : ::geteuid();
  if (root) REQUIRE(::chown(file.c_str(), kSomebody, kSomebody) == 0);
  REQUIRE(write_private_file(file, "b"));
  struct stat now {};
  REQUIRE(::stat(file.c_str(), &now) == 0);
  CHECK(now.st_uid == owner);
  CHECK((now.st_mode & 0777) == 0600);
  CHECK(read_file(file).value() == "b");
}
