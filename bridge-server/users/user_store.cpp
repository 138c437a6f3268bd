#include "bridge-server/users/user_store.hpp"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sodium.h>
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "config/private_file.hpp"

namespace surang::bridge {
namespace {

constexpr auto kSchema = R"(
CREATE TABLE IF NOT EXISTS users (
  id BLOB PRIMARY KEY CHECK (length(id) = 8),
  secret BLOB NOT NULL CHECK (length(secret) = 32),
  name TEXT NOT NULL UNIQUE,
  created INTEGER NOT NULL,
  expires INTEGER,
  quota INTEGER,
  used INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID)";

// g++ 12 takes one expression of `+` for a write out of bounds (gcc.gnu.org/PR105651).
std::string selecting(std::string_view which) {
  std::string text = "SELECT id, secret, name, created, expires, quota, used FROM users";
  text += which;
  return text;
}

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && name.front() != ' ' && name.back() != ' ' &&
         std::ranges::none_of(name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

UserRecord record(SQLite::Statement& row) {
  UserRecord user;
  std::memcpy(user.key.id.bytes.data(), row.getColumn(0).getBlob(), user.key.id.bytes.size());
  std::memcpy(user.key.secret.data(), row.getColumn(1).getBlob(), user.key.secret.size());
  user.name = row.getColumn(2).getString();
  user.created = row.getColumn(3).getInt64();
  if (!row.getColumn(4).isNull()) user.expires = row.getColumn(4).getInt64();
  if (!row.getColumn(5).isNull()) user.quota = static_cast<std::uint64_t>(row.getColumn(5).getInt64());
  user.used = static_cast<std::uint64_t>(row.getColumn(6).getInt64());
  return user;
}

SQLite::Database open(const std::filesystem::path& file) {
  std::error_code ec;
  // SQLite gives its side files the mode of the database, so the database must be private first.
  if (!std::filesystem::exists(file, ec))
    if (const auto made = config::write_private_file(file, ""); !made)
      throw std::runtime_error(file.string() + ": " + made.error().message());
  try {
    SQLite::Database database(file.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.setBusyTimeout(3000);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    database.exec(kSchema);
    return database;
  } catch (const SQLite::Exception& e) {
    throw std::runtime_error(file.string() + ": " + e.what());
  }
}

}  // namespace

struct UserStore::Impl {
  explicit Impl(const std::filesystem::path& file) : database(open(file)) {}
  mutable SQLite::Database database;
  std::int64_t version = 0;
};

UserStore::UserStore(const std::filesystem::path& database) : impl_(std::make_unique<Impl>(database)) {}
UserStore::~UserStore() = default;

Result<UserRecord> UserStore::add(const std::string& name, std::optional<std::int64_t> expires,
                                  std::optional<std::uint64_t> quota, std::string& why) {
  if (!is_name(name)) {
    why = "a user's name has 1 to 64 characters, none of them a control character";
    return make_error_code(Errc::bad_input);
  }
  UserRecord user;
  user.name = name;
  user.created =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  user.expires = expires;
  user.quota = quota;
  randombytes_buf(user.key.id.bytes.data(), user.key.id.bytes.size());
  randombytes_buf(user.key.secret.data(), user.key.secret.size());
  try {
    SQLite::Statement insert(
        impl_->database,
        "INSERT INTO users (id, secret, name, created, expires, quota) VALUES (?,?,?,?,?,?)");
    insert.bind(1, user.key.id.bytes.data(), static_cast<int>(user.key.id.bytes.size()));
    insert.bind(2, user.key.secret.data(), static_cast<int>(user.key.secret.size()));
    insert.bind(3, name);
    insert.bind(4, user.created);
    if (expires) insert.bind(5, *expires);
    if (quota) insert.bind(6, static_cast<std::int64_t>(*quota));
    insert.exec();
  } catch (const SQLite::Exception& e) {
    if (e.getErrorCode() != SQLITE_CONSTRAINT) throw;
    why = "there is a user '" + name + "' already";
    return make_error_code(Errc::bad_input);
  }
  return user;
}

std::vector<UserRecord> UserStore::list() const {
  std::vector<UserRecord> users;
  SQLite::Statement select(impl_->database, selecting(" ORDER BY name"));
  while (select.executeStep()) users.push_back(record(select));
  return users;
}

std::optional<UserRecord> UserStore::find(const std::string& name) const {
  SQLite::Statement select(impl_->database, selecting(" WHERE name = ?"));
  select.bind(1, name);
  if (!select.executeStep()) return std::nullopt;
  return record(select);
}

bool UserStore::remove(const std::string& name) {
  SQLite::Statement erase(impl_->database, "DELETE FROM users WHERE name = ?");
  erase.bind(1, name);
  return erase.exec() > 0;
}

bool UserStore::changed_elsewhere() {
  const auto now = impl_->database.execAndGet("PRAGMA data_version").getInt64();
  return std::exchange(impl_->version, now) != now;
}

void UserStore::add_usage(const std::vector<std::pair<UserId, std::uint64_t>>& bytes) {
  if (bytes.empty()) return;
  SQLite::Transaction transaction(impl_->database);
  SQLite::Statement update(impl_->database, "UPDATE users SET used = used + ? WHERE id = ?");
  for (const auto& [id, more] : bytes) {
    update.bind(1, static_cast<std::int64_t>(more));
    update.bind(2, id.bytes.data(), static_cast<int>(id.bytes.size()));
    update.exec();
    update.reset();
  }
  transaction.commit();
}

}  // namespace surang::bridge
