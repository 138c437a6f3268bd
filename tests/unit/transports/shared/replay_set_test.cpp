// The replay set: exact between threads, over restarts, and where its journal has holes.
#include <doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "transports/https/https_acceptor.hpp"

using namespace surang::https;

namespace {

using Name = std::array<std::uint8_t, 16>;

// Distinct for every number, and spread over the shards.
Name numbered_name(std::uint32_t n) {
  Name name{};
  std::memcpy(name.data(), &n, sizeof n);
  name[15] = static_cast<std::uint8_t>(n);
  return name;
}

std::int64_t clock_now() {
  return static_cast<std::int64_t>(std::time(nullptr));
}

// A journal's path, its file gone before and after.
class JournalFile {
 public:
  JournalFile()
      : path(std::filesystem::temp_directory_path() / ("surang-journal-" + std::to_string(getpid()))) {
    remove();
  }
  ~JournalFile() { remove(); }
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  std::filesystem::path fresh() const { return path.string() + ".new"; }
  void remove() const {
    std::filesystem::remove_all(path);
    std::filesystem::remove_all(fresh());
  }
  // As if the machine had been started again since.
  void change_boot() const {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(24 + 5);
    file.put('\x5a').put('\xa5');
  }
  const std::filesystem::path path;
};

// Names 1 and 2 are let in by a process that then ends.
void let_two_in(const JournalFile& file, std::int64_t minted) {
  ReplaySet set(file.path);
  CHECK(set.insert(numbered_name(1), minted, minted));
  CHECK(set.insert(numbered_name(2), minted, minted));
}

// A set that does not know what was let in before it.
void check_distrust(ReplaySet& set, std::int64_t now) {
  for (std::uint32_t n = 1; n < 4; ++n) CHECK(!set.insert(numbered_name(n), now - 1, now));
  CHECK(set.insert(numbered_name(100), clock_now() + 1, now));
}

}  // namespace

TEST_CASE("the replay set is exact between threads and across a restart") {
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  const auto file = std::filesystem::temp_directory_path() / ("surang-journal-" + std::to_string(getpid()));
  std::filesystem::remove(file);
  const auto name = [](int n) {
    std::array<std::uint8_t, 16> out{};
    for (std::size_t i = 0; i < 16; ++i)
      out[i] = static_cast<std::uint8_t>(n * 131 + static_cast<int>(i) * 7 + (n >> 8));
    return out;
  };
  {
    ReplaySet set(file);
    std::atomic<int> let_in{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 3000; ++i) let_in += set.insert(name(i), now, now);
      });
    for (auto& thread : threads) thread.join();
    std::set<std::array<std::uint8_t, 16>> distinct;
    for (int i = 0; i < 3000; ++i) distinct.insert(name(i));
    CHECK(let_in == static_cast<int>(distinct.size()));
    CHECK(set.size() == distinct.size());
  }
  {
    ReplaySet set(file);
    for (int i = 0; i < 3000; ++i) CHECK(!set.insert(name(i), now, now));
    std::array<std::uint8_t, 16> fresh{};
    fresh.fill(0xee);
    CHECK(set.insert(fresh, now - 60, now));  // minted before the restart, never used
    CHECK(!set.insert(fresh, now - 60, now));
  }
  {
    // A journal that cannot be trusted: nothing from before counts.
    std::ofstream(file, std::ios::trunc) << "something else";
    ReplaySet set(file);
    std::array<std::uint8_t, 16> fresh{};
    CHECK(!set.insert(fresh, now - 1, now));
    CHECK(set.insert(fresh, now + 1, now));
  }
  std::filesystem::remove(file);
  ReplaySet forgetful;
  CHECK(!forgetful.insert(name(1), now - 5, now));
  const auto later = clock_now() + 1;
  for (int i = 0; i < 5000; ++i) {
    std::array<std::uint8_t, 16> old{};
    std::memcpy(old.data(), &i, sizeof i);
    CHECK(forgetful.insert(old, later + i, later + i));
  }
  CHECK(forgetful.size() < 2000);  // what nobody can replay any more is gone
}

TEST_CASE(
    "a journal that ends in the middle of a record is not trusted, nor is what it says lost by the next "
    "start") {
  const JournalFile file;
  const auto now = clock_now();
  let_two_in(file, now - 30);
  std::filesystem::resize_file(file.path, std::filesystem::file_size(file.path) - 7);
  {
    ReplaySet set(file.path);
    check_distrust(set, now);
    CHECK(!set.insert(numbered_name(2), now - 30, now));  // the torn one
  }
  // The file is whole again, but still has no record of the torn one.
  ReplaySet set(file.path);
  CHECK(!set.insert(numbered_name(2), now - 30, now));
  CHECK(set.insert(numbered_name(3), clock_now() + 1, now));
}

TEST_CASE("after another start of the machine the last records may be lost, and the journal is not trusted") {
  const JournalFile file;
  const auto now = clock_now();
  let_two_in(file, now - 30);
  {
    ReplaySet set(file.path);
    CHECK(set.insert(numbered_name(3), now - 20, now));  // the same start: trusted
  }
  std::filesystem::resize_file(file.path, std::filesystem::file_size(file.path) - 24);
  file.change_boot();
  for (int start = 0; start < 2; ++start) {
    ReplaySet set(file.path);
    CHECK(set.size() >= 2);
    CHECK(!set.insert(numbered_name(3), now - 20, now));
    CHECK(!set.insert(numbered_name(1), now - 30, now));
  }
  ReplaySet set(file.path);
  check_distrust(set, now);
}

TEST_CASE("a journal that cannot be written any more is not trusted by the next start") {
  const JournalFile file;
  const auto now = clock_now();
  const auto before = std::signal(SIGXFSZ, SIG_IGN);
  {
    ReplaySet set(file.path);
    CHECK(set.insert(numbered_name(1), now - 30, now));
    rlimit limit{}, tight{};
    REQUIRE(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    tight = limit;
    tight.rlim_cur = std::filesystem::file_size(file.path) + 10;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &tight) == 0);
    const bool second = set.insert(numbered_name(2), now - 30, now);  // the disk is full
    const bool third = set.insert(numbered_name(3), now - 30, now);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK(second);
    CHECK(third);
    CHECK(!set.insert(numbered_name(2), now - 30, now));  // this process still knows
  }
  std::signal(SIGXFSZ, before);
  CHECK(std::filesystem::file_size(file.path) == 0);
  {
    ReplaySet set(file.path);
    check_distrust(set, now);
  }

  // One that cannot be made anew at a start.
  file.remove();
  let_two_in(file, now - 30);
  std::filesystem::create_directories(file.fresh() / "in the way");
  for (int start = 0; start < 2; ++start) {
    ReplaySet set(file.path);
    check_distrust(set, now);
  }
  std::filesystem::remove_all(file.fresh());
  ReplaySet set(file.path);
  check_distrust(set, now);
}

TEST_CASE("a clock that ran ahead and came back makes no ticket new") {
  const JournalFile file;
  const auto now = clock_now();
  const auto ahead = now + 2000;
  {
    ReplaySet set(file.path);
    CHECK(set.insert(numbered_name(1), now, now));
    for (std::uint32_t n = 1000; n < 12000; ++n) CHECK(set.insert(numbered_name(n), ahead, ahead));
    CHECK(!set.insert(numbered_name(1), now, now));
    CHECK(set.insert(numbered_name(2), now + 1, now + 1));  // younger than anything forgotten
  }
  ReplaySet set(file.path);
  CHECK(!set.insert(numbered_name(1), now, now));
  CHECK(!set.insert(numbered_name(2), now + 1, now + 1));
  // Started while the clock was ahead by hours: once it is right, users get in again.
  ReplaySet early;
  CHECK(early.insert(numbered_name(3), now - 20000, now - 20000));
  CHECK(!early.insert(numbered_name(4), now - 20001, now - 20000));
}

TEST_CASE("the journal stays small while tickets age, and many young ones cost no look at each") {
  const JournalFile file;
  const auto now = clock_now();
  {
    ReplaySet set(file.path);
    for (std::uint32_t n = 0; n < 60000; ++n) CHECK(set.insert(numbered_name(n), now, now));
  }
  {
    ReplaySet set(file.path);
    CHECK(set.size() == 60000);
    for (std::uint32_t n = 0; n < 60000; n += 7) CHECK(!set.insert(numbered_name(n), now, now));
  }
  file.remove();
  ReplaySet set(file.path);
  for (std::uint32_t n = 0; n < 60000; ++n) CHECK(set.insert(numbered_name(n), now + n, now + n));
  CHECK(std::filesystem::file_size(file.path) < 24 * 30000);
}
