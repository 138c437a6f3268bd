// What `surang status` tells: for programs as JSON, for a person in words. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "client/bridges/bridge_pool.hpp"
#include "client/session.hpp"
#include "config/client_options.hpp"

namespace surang::client {

struct StatusFacts {
  std::vector<std::string> listen;
  std::chrono::seconds uptime{};
  SessionCounters sessions;
  std::vector<LaneStatus> lanes;
  boost::json::array convictions;
  std::optional<config::CaptureOptions> capture;  ///< what is captured without a proxy; nothing: nothing
  std::string capture_trouble;                    ///< why, where it was wanted
  bool captive_portal = false;                    ///< this network wants the person to sign in first
  std::vector<config::Rule> rules;
  std::string config;
};

boost::json::object status_json(const StatusFacts& facts);
/// From what status_json gave, perhaps by another version: says what it finds.
std::string status_text(const boost::json::object& status);

}  // namespace surang::client
