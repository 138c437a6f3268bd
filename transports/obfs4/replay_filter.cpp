#include "transports/obfs4/replay_filter.hpp"

#include <sodium.h>

#include <boost/intrusive/unordered_set.hpp>
#include <cstring>
#include <mutex>
#include <vector>

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

struct Seen : boost::intrusive::unordered_set_base_hook<> {
  Mac mac{};
  std::int64_t at = 0;
};

struct MacOf {
  using type = Mac;
  const Mac& operator()(const Seen& seen) const { return seen.mac; }
};

namespace intrusive = boost::intrusive;
using Known =
    intrusive::unordered_set<Seen, intrusive::key_of_value<MacOf>, intrusive::hash<MacHash>,
                             intrusive::power_2_buckets<true>, intrusive::constant_time_size<false>>;

// All that it will ever need, taken at once: what comes and goes moves no memory.
struct Table {
  static constexpr std::size_t kBuckets = 128 * 1024;

  std::vector<Seen> ring = std::vector<Seen>(ReplayFilter::kCapacity);  // by age, from `oldest` on
  std::size_t oldest = 0, size = 0;
  std::vector<Known::bucket_type> buckets = std::vector<Known::bucket_type>(kBuckets);
  Known known{Known::bucket_traits(buckets.data(), buckets.size())};

  void forget_oldest() {
    known.erase(known.iterator_to(ring[oldest]));
    oldest = (oldest + 1) % ring.size();
    --size;
  }
};

}  // namespace

struct ReplayFilter::Impl {
  mutable std::mutex mutex;
  std::unique_ptr<Table> table;  // from the first hello on: not every server has an obfs4 port
};

ReplayFilter::ReplayFilter() : impl_(std::make_unique<Impl>()) {}
ReplayFilter::~ReplayFilter() = default;

bool ReplayFilter::insert(const std::array<std::uint8_t, 16>& mac, std::int64_t unix_seconds) {
  const std::lock_guard lock(impl_->mutex);
  if (!impl_->table) impl_->table = std::make_unique<Table>();
  auto& t = *impl_->table;
  while (t.size > 0 && unix_seconds - t.ring[t.oldest].at >= kKeepSeconds) t.forget_oldest();
  if (t.known.find(mac) != t.known.end()) return false;
  if (t.size == kCapacity) t.forget_oldest();
  auto& place = t.ring[(t.oldest + t.size++) % kCapacity];
  place.mac = mac;
  place.at = unix_seconds;
  t.known.insert(place);
  return true;
}

std::size_t ReplayFilter::size() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->table ? impl_->table->size : 0;
}

}  // namespace surang::obfs4
