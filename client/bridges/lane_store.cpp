#include "client/bridges/lane_store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <SQLiteCpp/VariadicBind.h>
#include <spdlog/spdlog.h>

namespace surang::client {
namespace {

constexpr int kSchema = 1;
constexpr const char* kTable = R"(
CREATE TABLE IF NOT EXISTS lanes (
  network TEXT NOT NULL, lane TEXT NOT NULL, worked INTEGER NOT NULL, since INTEGER NOT NULL,
  relapsed INTEGER NOT NULL, refusals INTEGER NOT NULL, relapses INTEGER NOT NULL, written INTEGER NOT NULL,
  PRIMARY KEY (network, lane)) WITHOUT ROWID;
)";
constexpr const char* kMost = "1000";

std::unique_ptr<SQLite::Database> open(const std::string& name) {
  auto db = std::make_unique<SQLite::Database>(name, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 2000);
  db->exec("PRAGMA journal_mode=WAL");
  db->exec("PRAGMA synchronous=NORMAL");
  if (db->execAndGet("PRAGMA user_version").getInt() > kSchema)
    throw SQLite::Exception("written by a later version");
  if (db->execAndGet("PRAGMA quick_check(1)").getString() != "ok") throw SQLite::Exception("damaged");
  db->exec(kTable);
  db->exec("PRAGMA user_version=" + std::to_string(kSchema));
  return db;
}

std::unique_ptr<SQLite::Database> open_or_begin_anew(const std::filesystem::path& file) {
  if (!file.empty()) try {
      return open(file.string());
    } catch (const SQLite::Exception& first) {
      std::error_code ignored;
      std::filesystem::rename(file, file.string() + ".broken", ignored);
      for (const auto* part : {"-wal", "-shm"}) std::filesystem::remove(file.string() + part, ignored);
    }
  if (!file.empty()) try {
      return open(file.string());
    } catch (const SQLite::Exception& second) {
      spdlog::warn("{}: {}; what bridges do on this network is forgotten at the end", file.string(),
                   second.what());
    }
  return open(":memory:");
}

}  // namespace

struct LaneStore::Impl {
  std::unique_ptr<SQLite::Database> db;

  // A full or failing disk must not end connections: the pool then forgets.
  template <class Operation>
  auto guarded(Operation operation) -> decltype(operation()) {
    try {
      return operation();
    } catch (const SQLite::Exception& e) {
      spdlog::warn("what is known of bridges: {}", e.what());
      return decltype(operation())();
    }
  }
};

LaneStore::LaneStore(const std::filesystem::path& file)
    : impl_(std::make_unique<Impl>(open_or_begin_anew(file))) {
  if (file.empty()) return;
  std::error_code ignored;
  std::filesystem::permissions(file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write,
                               ignored);
}

LaneStore::~LaneStore() = default;

LaneRecord LaneStore::find(const std::string& network, const std::string& lane) const {
  return impl_->guarded([&] {
    LaneRecord record;
    SQLite::Statement row(
        *impl_->db,
        "SELECT worked, since, relapsed, refusals, relapses FROM lanes WHERE network=? AND lane=?");
    SQLite::bind(row, network, lane);
    if (!row.executeStep()) return record;
    record.worked = row.getColumn(0).getInt64();
    record.since = row.getColumn(1).getInt64();
    record.relapsed = row.getColumn(2).getInt64();
    record.refusals = row.getColumn(3).getInt();
    record.relapses = row.getColumn(4).getInt();
    return record;
  });
}

void LaneStore::put(const std::string& network, const std::string& lane, const LaneRecord& record) {
  return impl_->guarded([&] {
    SQLite::Statement insert(*impl_->db, "INSERT OR REPLACE INTO lanes VALUES (?,?,?,?,?,?,?,unixepoch())");
    SQLite::bind(insert, network, lane, record.worked, record.since, record.relapsed, record.refusals,
                 record.relapses);
    insert.exec();
    impl_->db->exec(
        std::string("DELETE FROM lanes WHERE (network, lane) NOT IN (SELECT network, lane FROM lanes "
                    "ORDER BY written DESC LIMIT ") +
        kMost + ")");
  });
}

}  // namespace surang::client
