#include "tests/censor/middlebox/flow_table.hpp"

namespace surang::censor {
namespace {

constexpr std::size_t kMostSaid = 20 * 1024;

const char* end_of(const Flow& flow) {
  if (flow.reset) return "rst";
  return flow.client_fin && flow.remote_fin ? "fin" : "open";
}

}  // namespace

void Reassembly::add(std::uint32_t seq, View payload) {
  if (!known_) start(seq);
  if (bytes_.size() > kMostSaid || waiting_.size() > 64) return;
  waiting_.try_emplace(seq, payload.begin(), payload.end());
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto ahead = static_cast<std::int32_t>(it->first - next_);
    if (ahead > 0) {
      ++it;
      continue;
    }
    const auto known = static_cast<std::size_t>(-static_cast<std::int64_t>(ahead));
    if (known < it->second.size()) {
      bytes_.insert(bytes_.end(), it->second.begin() + static_cast<std::ptrdiff_t>(known), it->second.end());
      next_ = it->first + static_cast<std::uint32_t>(it->second.size());
    }
    waiting_.erase(it);
    it = waiting_.begin();
  }
}

FlowTable::~FlowTable() {
  for (const auto& [key, flow] : flows_) closed_(key, flow, end_of(flow));
}

Flow& FlowTable::get(const FlowKey& key, bool opens, Clock::time_point now, bool& made) {
  auto it = flows_.find(key);
  if (it != flows_.end() && opens && key.protocol == kTcp &&
      (it->second.up || it->second.reset || it->second.fate != Flow::Fate::open)) {
    closed_(key, it->second, end_of(it->second));
    flows_.erase(it);
    it = flows_.end();
  }
  made = it == flows_.end();
  if (made) {
    it = flows_.try_emplace(key).first;
    it->second.opened = now;
  }
  it->second.last = now;
  return it->second;
}

void FlowTable::sweep(Clock::time_point now) {
  using std::chrono::seconds;
  for (auto it = flows_.begin(); it != flows_.end();) {
    const auto& flow = it->second;
    const bool ended = flow.reset || (flow.client_fin && flow.remote_fin);
    if (now - flow.last < (ended ? seconds(1) : seconds(120))) {
      ++it;
      continue;
    }
    closed_(it->first, flow, ended ? end_of(flow) : "idle");
    it = flows_.erase(it);
  }
}

}  // namespace surang::censor
