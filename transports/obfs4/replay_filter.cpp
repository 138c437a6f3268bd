#include "transports/obfs4/replay_filter.hpp"

#include <sodium.h>

#include <cstring>
#include <deque>
#include <mutex>
#include <unordered_set>

namespace surang::obfs4 {
namespace {

using Mac = std::array<std::uint8_t, 16>;

// Under a key of its own: clients could otherwise choose MACs that all fall into one place.
class MacHash {
 public:
  MacHash() { crypto_shorthash_keygen(key_.data()); }
  std::size_t operator()(const Mac& mac) const {
    std::array<std::uint8_t, crypto_shorthash_BYTES> out{};
    crypto_shorthash(out.data(), mac.data(), mac.size(), key_.data());
    std::size_t hash = 0;
    std::memcpy(&hash, out.data(), sizeof hash);
    return hash;
  }

 private:
  std::array<std::uint8_t, crypto_shorthash_KEYBYTES> key_{};
};

struct Seen {
  Mac mac;
  std::int64_t at;
};

}  // namespace

struct ReplayFilter::Impl {
  mutable std::mutex mutex;
  std::unordered_set<Mac, MacHash> known;
  std::deque<Seen> by_age;

  void forget_oldest() {
    known.erase(by_age.front().mac);
    by_age.pop_front();
  }
};

ReplayFilter::ReplayFilter() : impl_(std::make_unique<Impl>()) {}
ReplayFilter::~ReplayFilter() = default;

bool ReplayFilter::insert(const std::array<std::uint8_t, 16>& mac, std::int64_t unix_seconds) {
  auto& [mutex, known, by_age] = *impl_;
  const std::lock_guard lock(mutex);
  while (!by_age.empty() && unix_seconds - by_age.front().at >= kKeepSeconds) impl_->forget_oldest();
  if (!known.insert(mac).second) return false;
  by_age.push_back({mac, unix_seconds});
  if (by_age.size() > kCapacity) impl_->forget_oldest();
  return true;
}

std::size_t ReplayFilter::size() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->known.size();
}

}  // namespace surang::obfs4
