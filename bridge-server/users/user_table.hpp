// The users as the running bridge sees them: who may connect now, how much each has used. Thread safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "bridge-server/users/question_limit.hpp"
#include "bridge-server/users/user_store.hpp"
#include "transports/core/user.hpp"

namespace surang::bridge {

/// One user while the bridge runs. `used` grows as bytes pass; the rest changes only with a reload.
struct Account {
  UserKey key;
  std::atomic<std::int64_t> expires{INT64_MAX};  ///< unix seconds
  std::atomic<std::uint64_t> quota{UINT64_MAX};  ///< bytes
  std::atomic<bool> removed{false};
  std::atomic<std::uint64_t> used{0};   ///< bytes, of all time
  std::atomic<unsigned> sessions{0};    ///< open now, over all workers
  std::atomic<std::uint32_t> flows{0};  ///< of datagrams, open now
  QuestionLimit questions;              ///< control requests, over all workers
  std::uint64_t stored = 0;             ///< of `used`, what the database has; only the flushing thread's

  /// Whether its sessions may go on at `now` (unix seconds).
  bool in_good_standing(std::int64_t now) const noexcept { return !removed && now < expires && used < quota; }
};

class UserTable : public UserDirectory {
 public:
  /// Takes over what the database says now: new users, changed limits, what was used elsewhere, removed ones
  /// (marked on their Account). Called where take_usage is.
  void load(const std::vector<UserRecord>& users);

  std::optional<UserKey> find(const UserId& id) const override;
  std::shared_ptr<Account> account(const UserId& id) const;
  std::vector<std::shared_ptr<Account>> accounts() const;

  /// What was used since the last call, for UserStore::add_usage. One caller.
  std::vector<std::pair<UserId, std::uint64_t>> take_usage();

 private:
  mutable std::shared_mutex mutex_;
  std::map<UserId, std::shared_ptr<Account>> accounts_;
};

/// Unix seconds.
std::int64_t unix_now();

}  // namespace surang::bridge
