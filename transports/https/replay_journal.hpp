// The names of tickets let in, on disk, so that a restarted bridge knows them. Only replay_set.cpp uses it,
// under its lock.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

namespace surang::https {

/// A ticket let in: its name, and when it was minted (unix seconds, by the client's clock).
struct ReplayRecord {
  std::array<std::uint8_t, 16> name;
  std::int64_t minted;
};
static_assert(sizeof(ReplayRecord) == 24);

/// A file of records, each appended before its connection is served. It reaches the disk when the system
/// pleases: after a crash of the machine, which the boot id tells, some may be missing.
class ReplayJournal {
 public:
  struct Found {
    std::vector<ReplayRecord> records;
    std::int64_t forgotten = 0;  ///< tickets minted before may have been let in without a record
    bool whole = false;          ///< everything let in is there, or there was no file: a first start
  };

  Found open(const std::filesystem::path& path);
  /// Starts the file anew with what is still of interest. False when it cannot be written; the next start
  /// will then find it not whole.
  bool rewrite(const std::vector<ReplayRecord>& records, std::int64_t forgotten);
  /// What cannot be written makes the file one that the next start finds not whole.
  void add(const ReplayRecord& record);

  bool active() const { return file_ != nullptr; }
  std::size_t records() const { return records_; }

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

  void give_up();

  std::filesystem::path path_;
  File file_{nullptr, std::fclose};
  std::size_t records_ = 0;
};

}  // namespace surang::https
