#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "transports/https/https_acceptor.hpp"
#include "transports/https/replay_journal.hpp"

namespace surang::https {
namespace {

using Name = std::array<std::uint8_t, 16>;

// Names are the output of a block cipher: any of their bytes will do.
struct NameHash {
  std::size_t operator()(const Name& name) const {
    std::size_t hash = 0;
    std::memcpy(&hash, name.data(), sizeof hash);
    return hash;
  }
};

// Longer than any window of time in which a ticket is taken.
constexpr std::int64_t kKeep = 900;
constexpr std::size_t kShards = 16;
constexpr std::size_t kPruneEvery = 256;
constexpr std::size_t kFirstLook = 4096;

struct Shard {
  mutable std::mutex mutex;
  std::unordered_map<Name, std::int64_t, NameHash> seen;
  std::size_t until_prune = kPruneEvery;
  // Tickets minted before may have been let in and forgotten: a clock that ran ahead and came back makes them
  // young again.
  std::int64_t forgotten = 0;

  void prune(std::int64_t now) {
    std::erase_if(seen, [this, now](const auto& entry) {
      if (entry.second >= now - kKeep) return false;
      forgotten = std::max(forgotten, entry.second + 1);
      return true;
    });
    until_prune = std::max(kPruneEvery, seen.size());
  }
};

}  // namespace

struct ReplaySet::Impl {
  std::array<Shard, kShards> shards;
  std::mutex journal_mutex;
  ReplayJournal journal;
  std::size_t next_look = kFirstLook;  // at so many records: is a rewrite worth it?
  std::atomic<std::int64_t> not_before{0};

  Shard& shard_of(const Name& name) { return shards[name[15] % kShards]; }

  // Of what was let in before not everything is known.
  void distrust(std::int64_t now) { not_before = now; }

  bool before_us(std::int64_t minted, std::int64_t now) {
    // A clock that was far ahead then has been set right; else nobody would get in until it is that late.
    if (not_before > now + kKeep) distrust(now);
    return minted < not_before;
  }

  std::vector<ReplayRecord> all(std::int64_t& forgotten) const {
    std::vector<ReplayRecord> records;
    forgotten = not_before;
    for (const auto& shard : shards) {
      const std::lock_guard lock(shard.mutex);
      forgotten = std::max(forgotten, shard.forgotten);
      for (const auto& [name, minted] : shard.seen) records.push_back({name, minted});
    }
    return records;
  }

  void write_down(const ReplayRecord& record) {
    const std::lock_guard lock(journal_mutex);
    journal.add(record);
    if (!journal.active() || journal.records() < next_look) return;
    std::int64_t forgotten = 0;
    const auto records = all(forgotten);
    if (records.size() * 4 < journal.records()) journal.rewrite(records, forgotten);
    // A look copies the whole set: the next one is when it can have been worth it.
    next_look = std::max(kFirstLook, 4 * records.size() + 1);
  }
};

ReplaySet::ReplaySet(std::filesystem::path journal) : impl_(std::make_unique<Impl>()) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  if (journal.empty()) {
    impl_->distrust(now);
    return;
  }
  auto found = impl_->journal.open(journal);
  if (!found.whole) {
    // Records of a file that is not whole may be anything; those that can be true are kept.
    std::erase_if(found.records, [now](const auto& r) { return r.minted > now + kKeep; });
    found.forgotten = now;
  }
  impl_->distrust(found.forgotten);
  for (const auto& record : found.records)
    impl_->shard_of(record.name).seen.emplace(record.name, record.minted);
  for (auto& shard : impl_->shards) shard.prune(now);
  std::int64_t forgotten = 0;
  const auto records = impl_->all(forgotten);
  // Where we cannot write, a process before us could not either.
  if (!impl_->journal.rewrite(records, forgotten)) impl_->distrust(now);
}

ReplaySet::~ReplaySet() = default;

bool ReplaySet::insert(const std::array<std::uint8_t, 16>& key_name, std::int64_t minted, std::int64_t now) {
  if (impl_->before_us(minted, now)) return false;
  {
    auto& shard = impl_->shard_of(key_name);
    const std::lock_guard lock(shard.mutex);
    if (--shard.until_prune == 0) shard.prune(now);
    if (minted < shard.forgotten || !shard.seen.emplace(key_name, minted).second) return false;
  }
  impl_->write_down({key_name, minted});
  return true;
}

std::size_t ReplaySet::size() const {
  std::size_t n = 0;
  for (const auto& shard : impl_->shards) {
    const std::lock_guard lock(shard.mutex);
    n += shard.seen.size();
  }
  return n;
}

}  // namespace surang::https
