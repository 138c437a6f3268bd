#include "client/detection/verdict_store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <SQLiteCpp/VariadicBind.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include <algorithm>
#include <mutex>
#include <stdexcept>

#include "client/detection/site_scope.hpp"

namespace surang::client {
namespace {

constexpr int kSchema = 2;

constexpr const char* kTables = R"(
CREATE TABLE IF NOT EXISTS verdicts (
  network TEXT NOT NULL, subject TEXT NOT NULL, scope INTEGER NOT NULL, family INTEGER NOT NULL,
  way INTEGER NOT NULL, signal INTEGER NOT NULL, address TEXT NOT NULL, domain TEXT NOT NULL,
  since INTEGER NOT NULL, expires INTEGER NOT NULL, used INTEGER NOT NULL, step INTEGER NOT NULL,
  port INTEGER NOT NULL, probed INTEGER NOT NULL DEFAULT 0, probe INTEGER NOT NULL DEFAULT 0,
  probes INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (network, subject, scope, family)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS verdicts_by_use ON verdicts (used);
CREATE INDEX IF NOT EXISTS verdicts_by_domain ON verdicts (network, domain);
CREATE INDEX IF NOT EXISTS verdicts_by_address ON verdicts (network, address);
CREATE INDEX IF NOT EXISTS verdicts_by_end ON verdicts (network, expires);
CREATE TABLE IF NOT EXISTS evidence (
  id INTEGER PRIMARY KEY AUTOINCREMENT, network TEXT NOT NULL, host TEXT NOT NULL, at INTEGER NOT NULL,
  way INTEGER NOT NULL, signal INTEGER NOT NULL, detail TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS evidence_by_host ON evidence (network, host, id);
)";

constexpr const char* kColumns =
    "network, subject, scope, family, way, signal, address, since, expires, used, step, port, probed, probe, "
    "probes";

Verdict read(SQLite::Statement& row) {
  Verdict v;
  v.network = row.getColumn(0).getString();
  v.subject = row.getColumn(1).getString();
  v.scope = static_cast<Scope>(row.getColumn(2).getInt());
  v.family = static_cast<Family>(row.getColumn(3).getInt());
  v.way = static_cast<Way>(row.getColumn(4).getInt());
  v.signal = static_cast<Signal>(row.getColumn(5).getInt());
  v.address = row.getColumn(6).getString();
  v.since = row.getColumn(7).getInt64();
  v.expires = row.getColumn(8).getInt64();
  v.used = row.getColumn(9).getInt64();
  v.step = row.getColumn(10).getInt();
  v.port = static_cast<std::uint16_t>(row.getColumn(11).getInt());
  v.probed = row.getColumn(12).getInt64();
  v.probe = row.getColumn(13).getInt64();
  v.probes = row.getColumn(14).getInt();
  return v;
}

std::unique_ptr<SQLite::Database> open_file(const std::string& name) {
  auto db = std::make_unique<SQLite::Database>(name, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 2000);
  // WAL with synchronous=NORMAL: a crash loses at most the last moments, never the file.
  db->exec("PRAGMA journal_mode=WAL");
  db->exec("PRAGMA synchronous=NORMAL");
  db->exec("PRAGMA wal_autocheckpoint=200");
  const int found = db->execAndGet("PRAGMA user_version").getInt();
  if (found > kSchema) throw SQLite::Exception("verdicts of a later version");
  if (db->execAndGet("PRAGMA quick_check(1)").getString() != "ok") throw SQLite::Exception("damaged");
  if (found == 1)
    for (const auto* column : {"probed", "probe", "probes"})
      db->exec(std::string("ALTER TABLE verdicts ADD COLUMN ") + column + " INTEGER NOT NULL DEFAULT 0");
  db->exec(kTables);
  db->exec("PRAGMA user_version=" + std::to_string(kSchema));
  return db;
}

}  // namespace

struct VerdictStore::Impl {
  Impl(std::unique_ptr<SQLite::Database> d, std::size_t limit) : db(std::move(d)), max_rows(limit) {
    verdict_rows = static_cast<std::size_t>(db->execAndGet("SELECT count(*) FROM verdicts").getInt64());
    evidence_rows = static_cast<std::size_t>(db->execAndGet("SELECT count(*) FROM evidence").getInt64());
  }

  std::vector<Verdict> all(SQLite::Statement& query) {
    std::vector<Verdict> found;
    while (query.executeStep()) found.push_back(read(query));
    return found;
  }

  std::string select(const char* where) {
    return std::string("SELECT ") + kColumns + " FROM verdicts " + where;
  }

  void trim() {
    if (verdict_rows > max_rows) {
      db->exec(
          "DELETE FROM verdicts WHERE (network, subject, scope, family) IN (SELECT network, subject, scope, "
          "family FROM verdicts ORDER BY used LIMIT " +
          std::to_string(verdict_rows - max_rows + max_rows / 10) + ")");
      verdict_rows = static_cast<std::size_t>(db->execAndGet("SELECT count(*) FROM verdicts").getInt64());
    }
    if (evidence_rows > max_rows) {
      db->exec("DELETE FROM evidence WHERE id IN (SELECT id FROM evidence ORDER BY id LIMIT " +
               std::to_string(evidence_rows - max_rows + max_rows / 10) + ")");
      evidence_rows = static_cast<std::size_t>(db->execAndGet("SELECT count(*) FROM evidence").getInt64());
    }
  }

  // A full or failing disk must not end connections: detection then forgets, and says so.
  template <class Operation>
  auto guarded(Operation operation) -> decltype(operation()) {
    const std::lock_guard lock(mutex);
    try {
      return operation();
    } catch (const SQLite::Exception& e) {
      spdlog::warn("verdict store: {}", e.what());
      return decltype(operation())();
    }
  }

  std::mutex mutex;
  std::unique_ptr<SQLite::Database> db;
  std::size_t max_rows, verdict_rows = 0, evidence_rows = 0;
  SQLite::Statement find_one{
      *db, select("WHERE network=? AND subject=? AND scope=? ORDER BY expires DESC LIMIT 1")};
};

VerdictStore::VerdictStore(const std::filesystem::path& file, std::size_t max_rows) {
  const std::string name = file.empty() ? ":memory:" : file.string();
  try {
    impl_ = std::make_unique<Impl>(open_file(name), max_rows);
  } catch (const SQLite::Exception& first) {
    const int code = first.getErrorCode();
    if (file.empty() || code == SQLITE_BUSY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
      throw std::runtime_error("verdict store " + name + ": " + first.what());
    std::error_code ignored;
    std::filesystem::rename(file, name + ".broken", ignored);
    std::filesystem::remove(name + "-wal", ignored);
    std::filesystem::remove(name + "-shm", ignored);
    try {
      impl_ = std::make_unique<Impl>(open_file(name), max_rows);
    } catch (const SQLite::Exception& second) {
      throw std::runtime_error("verdict store " + name + ": " + second.what());
    }
  }
  if (!file.empty()) {
    std::error_code ignored;
    std::filesystem::permissions(
        file, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write, ignored);
  }
}

VerdictStore::~VerdictStore() = default;

void VerdictStore::put(const Verdict& v) {
  return impl_->guarded([&] {
    SQLite::Statement insert(
        *impl_->db,
        "INSERT OR REPLACE INTO verdicts (network, subject, scope, family, way, signal, address, since, "
        "expires, used, step, port, probed, probe, probes, domain) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    SQLite::Statement before(*impl_->db,
                             "SELECT 1 FROM verdicts WHERE network=? AND subject=? AND scope=? AND family=?");
    SQLite::bind(before, v.network, v.subject, static_cast<int>(v.scope), static_cast<int>(v.family));
    if (!before.executeStep()) ++impl_->verdict_rows;
    SQLite::bind(insert, v.network, v.subject, static_cast<int>(v.scope), static_cast<int>(v.family),
                 static_cast<int>(v.way), static_cast<int>(v.signal), v.address, v.since, v.expires, v.used,
                 v.step, static_cast<int>(v.port), v.probed, v.probe, v.probes,
                 registrable_domain(v.subject));
    insert.exec();
    impl_->trim();
  });
}

std::optional<Verdict> VerdictStore::find(std::string_view network, std::string_view subject,
                                          Scope scope) const {
  return impl_->guarded([&] {
    auto& query = impl_->find_one;
    query.reset();
    SQLite::bind(query, std::string(network), std::string(subject), static_cast<int>(scope));
    std::optional<Verdict> found;
    if (query.executeStep()) found = read(query);
    query.reset();
    return found;
  });
}

void VerdictStore::used(const Verdict& v, UnixSeconds now) {
  if (now - v.used < 10 && v.used > v.probed) return;  // good enough for recency, and spares the disk
  return impl_->guarded([&] {
    SQLite::Statement update(*impl_->db, "UPDATE verdicts SET used=? WHERE network=? AND domain=?");
    SQLite::bind(update, now, v.network, registrable_domain(v.subject));
    update.exec();
  });
}

void VerdictStore::erase(std::string_view network, std::string_view subject, Scope scope) {
  return impl_->guarded([&] {
    SQLite::Statement remove(*impl_->db, "DELETE FROM verdicts WHERE network=? AND subject=? AND scope=?");
    SQLite::bind(remove, std::string(network), std::string(subject), static_cast<int>(scope));
    const auto gone = static_cast<std::size_t>(remove.exec());
    impl_->verdict_rows -= std::min(gone, impl_->verdict_rows);
  });
}

void VerdictStore::end(std::string_view network, std::string_view subject, Scope scope, UnixSeconds now) {
  return impl_->guarded([&] {
    SQLite::Statement update(
        *impl_->db, "UPDATE verdicts SET expires=min(expires, ?) WHERE network=? AND subject=? AND scope=?");
    SQLite::bind(update, now, std::string(network), std::string(subject), static_cast<int>(scope));
    update.exec();
  });
}

std::vector<Verdict> VerdictStore::list(std::string_view network, std::size_t limit) const {
  return impl_->guarded([&] {
    SQLite::Statement query(*impl_->db,
                            impl_->select("WHERE ?1='' OR network=?1 ORDER BY expires DESC LIMIT ?2"));
    SQLite::bind(query, std::string(network), static_cast<std::int64_t>(limit));
    return impl_->all(query);
  });
}

std::vector<Verdict> VerdictStore::siblings(std::string_view network, std::string_view domain,
                                            UnixSeconds now) const {
  return impl_->guarded([&] {
    SQLite::Statement query(
        *impl_->db,
        impl_->select(
            "WHERE network=? AND domain=? AND scope=0 AND expires>? ORDER BY expires DESC LIMIT 16"));
    SQLite::bind(query, std::string(network), std::string(domain), now);
    return impl_->all(query);
  });
}

std::vector<Verdict> VerdictStore::at_address(std::string_view network, std::string_view address,
                                              UnixSeconds now) const {
  return impl_->guarded([&] {
    SQLite::Statement query(
        *impl_->db, impl_->select("WHERE network=? AND address=? AND scope=0 AND expires>? LIMIT 16"));
    SQLite::bind(query, std::string(network), std::string(address), now);
    return impl_->all(query);
  });
}

std::vector<Verdict> VerdictStore::to_probe(std::string_view network, UnixSeconds now) const {
  return impl_->guarded([&] {
    SQLite::Statement query(*impl_->db, impl_->select("WHERE network=? AND expires>? AND probe<=? AND "
                                                      "used>=probed AND scope=0 ORDER BY probe LIMIT 32"));
    SQLite::bind(query, std::string(network), now, now);
    return impl_->all(query);
  });
}

std::size_t VerdictStore::rows() const {
  return impl_->guarded([&] { return impl_->verdict_rows; });
}

void VerdictStore::add_evidence(std::string_view network, std::string_view host, const Evidence& e) {
  constexpr int kKept = 8;
  return impl_->guarded([&] {
    SQLite::Transaction together(*impl_->db);
    SQLite::Statement insert(
        *impl_->db, "INSERT INTO evidence (network, host, at, way, signal, detail) VALUES (?,?,?,?,?,?)");
    SQLite::bind(insert, std::string(network), std::string(host), e.at, static_cast<int>(e.way),
                 static_cast<int>(e.signal), e.detail);
    insert.exec();
    SQLite::Statement old(
        *impl_->db,
        "DELETE FROM evidence WHERE network=?1 AND host=?2 AND id NOT IN (SELECT id FROM evidence "
        "WHERE network=?1 AND host=?2 ORDER BY id DESC LIMIT ?3)");
    SQLite::bind(old, std::string(network), std::string(host), kKept);
    const auto gone = static_cast<std::size_t>(old.exec());
    together.commit();
    impl_->evidence_rows += 1;
    impl_->evidence_rows -= std::min(gone, impl_->evidence_rows);
    impl_->trim();
  });
}

std::vector<Evidence> VerdictStore::evidence(std::string_view network, std::string_view host) const {
  return impl_->guarded([&] {
    SQLite::Statement query(
        *impl_->db, "SELECT at, way, signal, detail FROM evidence WHERE network=? AND host=? ORDER BY id");
    SQLite::bind(query, std::string(network), std::string(host));
    std::vector<Evidence> found;
    while (query.executeStep()) {
      Evidence e;
      e.at = query.getColumn(0).getInt64();
      e.way = static_cast<Way>(query.getColumn(1).getInt());
      e.signal = static_cast<Signal>(query.getColumn(2).getInt());
      e.detail = query.getColumn(3).getString();
      found.push_back(std::move(e));
    }
    return found;
  });
}

}  // namespace surang::client
