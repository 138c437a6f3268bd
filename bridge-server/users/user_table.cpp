#include "bridge-server/users/user_table.hpp"

#include <chrono>
#include <mutex>
#include <utility>

namespace surang::bridge {

std::int64_t unix_now() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void UserTable::load(const std::vector<UserRecord>& users) {
  const std::unique_lock lock(mutex_);
  std::map<UserId, std::shared_ptr<Account>> fresh;
  for (const auto& user : users) {
    auto& account = fresh[user.key.id];
    const auto known = accounts_.find(user.key.id);
    if (known != accounts_.end() && known->second->key == user.key) {
      account = known->second;
      // Another bridge with the same database has counted, too.
      if (user.used > account->stored) account->used += user.used - std::exchange(account->stored, user.used);
    } else {
      account = std::make_shared<Account>();
      account->key = user.key;
      account->used = account->stored = user.used;
    }
    account->expires = user.expires.value_or(INT64_MAX);
    account->quota = user.quota.value_or(UINT64_MAX);
  }
  for (const auto& [id, account] : accounts_)
    if (const auto kept = fresh.find(id); kept == fresh.end() || kept->second != account)
      account->removed = true;
  accounts_ = std::move(fresh);
}

std::optional<UserKey> UserTable::find(const UserId& id) const {
  const auto found = account(id);
  if (!found || !found->in_good_standing(unix_now())) return std::nullopt;
  return found->key;
}

std::shared_ptr<Account> UserTable::account(const UserId& id) const {
  const std::shared_lock lock(mutex_);
  const auto found = accounts_.find(id);
  return found == accounts_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Account>> UserTable::accounts() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<Account>> all;
  for (const auto& [id, account] : accounts_) all.push_back(account);
  return all;
}

std::vector<std::pair<UserId, std::uint64_t>> UserTable::take_usage() {
  std::vector<std::pair<UserId, std::uint64_t>> usage;
  for (const auto& account : accounts()) {
    const std::uint64_t used = account->used;
    if (used == account->stored) continue;
    usage.emplace_back(account->key.id, used - account->stored);
    account->stored = used;
  }
  return usage;
}

}  // namespace surang::bridge
