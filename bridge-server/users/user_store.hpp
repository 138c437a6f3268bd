// The bridge's users in SQLite: what `user add|list|remove` change and the running bridge loads.
// One writer at a time by SQLite's own locks, so the CLI may write beside a running bridge.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transports/core/result.hpp"
#include "transports/core/user.hpp"

namespace surang::bridge {

struct UserRecord {
  UserKey key;
  std::string name;
  std::int64_t created = 0;             ///< unix seconds
  std::optional<std::int64_t> expires;  ///< unix seconds; the first moment at which access is over
  std::optional<std::uint64_t> quota;   ///< bytes, both directions together
  std::uint64_t used = 0;               ///< bytes, as last written
};

class UserStore {
 public:
  /// Opens or makes the database (mode 0600). Throws std::runtime_error with the file's name when it cannot.
  explicit UserStore(const std::filesystem::path& database);
  ~UserStore();

  /// Draws a fresh id and secret. Errc::bad_input when the name is taken or not a name (1-64 printable
  /// characters).
  Result<UserRecord> add(const std::string& name, std::optional<std::int64_t> expires,
                         std::optional<std::uint64_t> quota, std::string& why);
  std::vector<UserRecord> list() const;  ///< by name
  std::optional<UserRecord> find(const std::string& name) const;
  bool remove(const std::string& name);  ///< false: there was none
  /// Whether another process has written since the last call (PRAGMA data_version).
  bool changed_elsewhere();
  /// Adds to what users have used, in one transaction. Users that are gone are passed over.
  void add_usage(const std::vector<std::pair<UserId, std::uint64_t>>& bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::bridge
