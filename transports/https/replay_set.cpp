#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "transports/core/user.hpp"
#include "transports/https/https_acceptor.hpp"

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

// Longer than any window of time in which a ticket is taken, whatever the clock does meanwhile.
constexpr std::int64_t kKeep = 900;
constexpr std::size_t kShards = 16;
constexpr std::size_t kPruneEvery = 256;

struct Record {
  Name name;
  std::int64_t minted;
};
static_assert(sizeof(Record) == 24);

// The names let in, one record each, appended before the connection is served. The first record is a mark.
class Journal {
 public:
  // What an earlier process let in; false when that cannot be told. No file at all is a first start.
  bool open(const std::filesystem::path& path, std::vector<Record>& found) {
    path_ = path;
    std::error_code ec;
    bool whole = !std::filesystem::exists(path, ec) && !ec;
    if (std::ifstream in(path, std::ios::binary); in) {
      Record record{};
      const auto next = [&] { return bool(in.read(reinterpret_cast<char*>(&record), sizeof record)); };
      whole = next() && record.name == kMark.name && record.minted == kMark.minted;
      while (whole && next()) found.push_back(record);
    }
    if (!whole) found.clear();
    return whole;
  }

  // Starts the file anew with what is still of interest.
  void rewrite(const std::vector<Record>& records) {
    file_.reset();
    auto fresh = path_;
    fresh += ".new";
    File out(std::fopen(fresh.string().c_str(), "wb"), std::fclose);
    bool good = out && put(out.get(), kMark);
    for (const auto& record : records) good = good && put(out.get(), record);
    good = good && std::fflush(out.get()) == 0;
    std::error_code ec;
    if (good) std::filesystem::rename(fresh, path_, ec);
    if (!good || ec)
      give_up();
    else
      file_ = std::move(out);
    records_ = records.size();
  }

  void add(const Record& record) {
    if (!file_) return;
    ++records_;
    if (!put(file_.get(), record) || std::fflush(file_.get()) != 0) give_up();
  }

  std::size_t records() const { return records_; }
  bool active() const { return file_ != nullptr; }

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;
  static constexpr Record kMark{
      {'s', 'u', 'r', 'a', 'n', 'g', ' ', 'r', 'e', 'p', 'l', 'a', 'y', 's', ' ', '1'}, 1};

  static bool put(std::FILE* to, const Record& record) {
    return std::fwrite(&record, sizeof record, 1, to) == 1;
  }
  // A journal with holes is worse than none: the next start must not trust it.
  void give_up() {
    file_.reset();
    const File emptied(std::fopen(path_.string().c_str(), "wb"), std::fclose);
  }

  std::filesystem::path path_;
  File file_{nullptr, std::fclose};
  std::size_t records_ = 0;
};

}  // namespace

struct ReplaySet::Impl {
  struct Shard {
    mutable std::mutex mutex;
    std::unordered_map<Name, std::int64_t, NameHash> seen;
    std::size_t until_prune = kPruneEvery;
  };
  std::array<Shard, kShards> shards;
  std::mutex journal_mutex;
  Journal journal;
  std::int64_t not_before = 0;

  Shard& shard_of(const Name& name) { return shards[name[15] % kShards]; }

  std::vector<Record> all() const {
    std::vector<Record> records;
    for (const auto& shard : shards) {
      const std::lock_guard lock(shard.mutex);
      for (const auto& [name, minted] : shard.seen) records.push_back({name, minted});
    }
    return records;
  }
};

ReplaySet::ReplaySet(std::filesystem::path journal) : impl_(std::make_unique<Impl>()) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::vector<Record> found;
  if (journal.empty() || !impl_->journal.open(journal, found)) impl_->not_before = now;
  std::erase_if(found, [now](const auto& r) { return r.minted < now - kKeep; });
  for (const auto& record : found) impl_->shard_of(record.name).seen.emplace(record.name, record.minted);
  if (!journal.empty()) impl_->journal.rewrite(found);
}

ReplaySet::~ReplaySet() = default;

bool ReplaySet::insert(const std::array<std::uint8_t, 16>& key_name, std::int64_t minted, std::int64_t now) {
  if (minted < impl_->not_before) return false;
  {
    auto& shard = impl_->shard_of(key_name);
    const std::lock_guard lock(shard.mutex);
    if (--shard.until_prune == 0) {
      std::erase_if(shard.seen, [now](const auto& entry) { return entry.second < now - kKeep; });
      shard.until_prune = std::max(kPruneEvery, shard.seen.size());
    }
    if (!shard.seen.emplace(key_name, minted).second) return false;
  }
  const std::lock_guard lock(impl_->journal_mutex);
  impl_->journal.add({key_name, minted});
  if (impl_->journal.active() && impl_->journal.records() > 4096) {
    if (const auto records = impl_->all(); records.size() * 4 < impl_->journal.records())
      impl_->journal.rewrite(records);
  }
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
