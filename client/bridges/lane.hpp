// One transport of one bridge as the pool sees it: what carries by it, and how it has fared.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "client/bridges/carrier.hpp"
#include "client/bridges/lane_record.hpp"
#include "client/bridges/silence_watch.hpp"
#include "config/share_link.hpp"
#include "transports/core/alarm.hpp"
#include "transports/registry.hpp"

namespace surang::client {

struct Lane {
  using Clock = std::chrono::steady_clock;

  Lane(asio::any_io_executor executor, const BridgeIdentity& identity, TransportSpec transport_spec,
       std::string bridge_name, std::unique_ptr<Carrier> what_carries)
      : bridge(std::move(bridge_name)),
        id(identity),
        spec(std::move(transport_spec)),
        key(lane_key(spec, id)),
        carrier(std::move(what_carries)),
        look(std::move(executor)) {}

  const std::string bridge;
  const BridgeIdentity id;
  const TransportSpec spec;
  const std::string key;
  const std::unique_ptr<Carrier> carrier;

  unsigned failures = 0;  // in a row
  bool worked = false;    // ever
  bool verifying = false;
  Clock::time_point heard{};          // when it last showed that it works
  std::chrono::microseconds rtt{};    // then; zero: unknown on this network
  tunnel::SessionNumber session = 0;  // then
  std::uint64_t failures_known = 0;   // of the carrier, then
  tunnel::SessionNumber mourned = 0;  // the last whose death was counted
  unsigned trying = 0;                // attempts under way

  std::uint64_t bytes_down = 0;  // when its speed was looked at last
  unsigned slow = 0;             // looks in a row at which it crawled
  Clock::time_point crawl_at{};  // not given up for a crawl before that

  SilenceWatch watch;
  Alarm look;               // rings when the watch wants it
  std::uint64_t acked = 0;  // by the far end's kernel, when it was asked
  double asks = 10;         // that may still go out in a row
  Clock::time_point asks_at{};

  LaneRecord record;                      // on this network
  bool remembered = false;                // the record is the store's
  Clock::time_point retry_at{};           // not tried before that beside one that works
  std::vector<Clock::time_point> deaths;  // of sessions in use, of late

  std::string name() const { return label(spec) + '@' + bridge; }
  bool live() const { return carrier->status().live; }
};

using LanePtr = std::shared_ptr<Lane>;

}  // namespace surang::client
