#include "transports/https/replay_journal.hpp"

#include <fstream>

#include "transports/https/boot_id.hpp"

namespace surang::https {
namespace {

// The two records in front: a mark, and the machine's boot with the time before which all is forgotten.
constexpr ReplayRecord kMark{{'s', 'u', 'r', 'a', 'n', 'g', ' ', 'r', 'e', 'p', 'l', 'a', 'y', 's', ' ', '2'},
                             2};

bool put(std::FILE* to, const ReplayRecord& record) {
  return std::fwrite(&record, sizeof record, 1, to) == 1;
}

bool get(std::ifstream& from, ReplayRecord& record) {
  return bool(from.read(reinterpret_cast<char*>(&record), sizeof record));
}

}  // namespace

ReplayJournal::Found ReplayJournal::open(const std::filesystem::path& path) {
  path_ = path;
  Found found;
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) {
    found.whole = !ec;
    return found;
  }
  std::ifstream in(path, std::ios::binary);
  ReplayRecord record{};
  if (!get(in, record) || record.name != kMark.name || record.minted != kMark.minted) return found;
  if (!get(in, record)) return found;
  found.forgotten = record.minted;
  const auto boot = boot_id();
  const bool same_boot = boot && record.name == *boot;
  while (get(in, record)) found.records.push_back(record);
  // What is left is a record of which only a part was written.
  found.whole = same_boot && in.eof() && in.gcount() == 0;
  return found;
}

bool ReplayJournal::rewrite(const std::vector<ReplayRecord>& records, std::int64_t forgotten) {
  file_.reset();
  auto fresh = path_;
  fresh += ".new";
  File out(std::fopen(fresh.string().c_str(), "wb"), std::fclose);
  bool good = out && put(out.get(), kMark) && put(out.get(), {boot_id().value_or(kMark.name), forgotten});
  for (const auto& record : records) good = good && put(out.get(), record);
  good = good && std::fflush(out.get()) == 0;
  std::error_code ec;
  if (good) std::filesystem::rename(fresh, path_, ec);
  if (!good || ec) {
    give_up();
    return false;
  }
  file_ = std::move(out);
  records_ = records.size();
  return true;
}

void ReplayJournal::add(const ReplayRecord& record) {
  if (!file_) return;
  ++records_;
  if (!put(file_.get(), record) || std::fflush(file_.get()) != 0) give_up();
}

// A journal with holes is worse than none. What stays must be a file, or the next start would be a first one,
// and not whole: its mark spoilt in place, which takes no room on the disk, and then emptied, by a name alone
// where no descriptor is left. One of the three may be what still works.
void ReplayJournal::give_up() {
  file_.reset();
  const auto path = path_.string();
  if (const File spoilt(std::fopen(path.c_str(), "r+b"), std::fclose); spoilt) std::fputc(0, spoilt.get());
  const File emptied(std::fopen(path.c_str(), "wb"), std::fclose);
  std::error_code ignored;
  if (!emptied) std::filesystem::resize_file(path_, 0, ignored);
}

}  // namespace surang::https
