#include "client/bridges/lane_record.hpp"

#include <sodium/utils.h>

#include <algorithm>
#include <array>

namespace surang::client {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kHour = 3600;

seconds doubled(int times, seconds most) {
  if (times <= 0) return seconds(0);
  return std::min(seconds(60) * (1 << std::min(times - 1, 10)), most);
}

}  // namespace

void note_worked(LaneRecord& record, std::int64_t now) {
  record.worked = now;
  record.since = 0;
  record.refusals = 0;
}

void note_refused(LaneRecord& record, std::int64_t now) {
  if (record.since == 0) record.since = now;
  ++record.refusals;
}

void note_relapsed(LaneRecord& record, std::int64_t now) {
  if (record.since == 0) record.since = now;
  record.relapses = now - record.relapsed < kHour ? record.relapses + 1 : 1;
  record.relapsed = now;
}

seconds pause_after(const LaneRecord& record, std::int64_t now) {
  const bool counts = now - record.relapsed < kHour;
  return std::max({seconds(60), doubled(record.refusals, seconds(600)),
                   counts ? doubled(record.relapses, seconds(kHour)) : seconds(0)});
}

std::string lane_key(const TransportSpec& spec, const BridgeIdentity& bridge) {
  std::string text = "surang lane\n" + spec.name + '\n' + std::to_string(spec.port);
  for (const auto& [key, value] : spec.params) text += '\n' + key + '=' + value;
  for (const auto& host : bridge.hosts) text += '\n' + host;
  text.append(bridge.public_key.begin(), bridge.public_key.end());
  const auto digest =
      hmac_sha256(bridge.user.secret, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  std::array<char, 17> name{};
  return sodium_bin2hex(name.data(), name.size(), digest.data(), 8);
}

}  // namespace surang::client
