#include "client/control/status_report.hpp"

#include <boost/json/value_from.hpp>
#include <boost/json/value_to.hpp>
#include <cstdio>
#include <ctime>

#include "client/bridges/bridge_trouble.hpp"
#include "config/client_config.hpp"

namespace surang::client {
namespace {

namespace json = boost::json;

std::string_view state_of(const LaneStatus& lane) {
  if (lane.blocked_since != 0) return "blocked";
  if (lane.tunnel.live) return "connected";
  if (lane.failures > 0) return "failing";
  return lane.tunnel.sessions > 0 ? "resting" : "untried";
}

std::string amount(std::int64_t bytes) {
  const char* units[] = {"B", "KB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < std::size(units); ++unit) value /= 1000;
  char out[32];
  std::snprintf(out, sizeof out, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return out;
}

std::string span(std::int64_t seconds) {
  if (seconds < 90) return std::to_string(seconds) + " s";
  if (seconds < 90 * 60) return std::to_string((seconds + 30) / 60) + " min";
  if (seconds < 48 * 3600) return std::to_string((seconds + 1800) / 3600) + " h";
  return std::to_string(seconds / 86400) + " days";
}

// "14:03", with the day where that is another: "02 May 14:03".
std::string clock_time(std::int64_t at) {
  const auto local = [](std::time_t t) {
    std::tm parts{};
    if (const auto* p = std::localtime(&t)) parts = *p;
    return parts;
  };
  const auto then = local(at), now = local(std::time(nullptr));
  char out[32] = "";
  const bool today = then.tm_yday == now.tm_yday && then.tm_year == now.tm_year;
  (void)std::strftime(out, sizeof out, today ? "%H:%M" : "%d %b %H:%M", &then);
  return out;
}

std::int64_t number(const json::object& o, std::string_view key) {
  const auto* value = o.if_contains(key);
  return value && value->is_number() ? value->to_number<std::int64_t>() : 0;
}

std::string word(const json::object& o, std::string_view key) {
  const auto* value = o.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

const json::array& list(const json::object& o, std::string_view key) {
  static const json::array none;
  const auto* value = o.if_contains(key);
  return value && value->is_array() ? value->get_array() : none;
}

std::string bridge_line(const json::object& lane) {
  const auto state = word(lane, "state");
  std::string line = "  " + word(lane, "bridge") + " by " + word(lane, "transport") + ": ";
  if (state == "connected") {
    line += "connected";
    if (const auto rtt = number(lane, "rtt_ms")) line += ", answers in " + std::to_string(rtt) + " ms";
    line += ", " + std::to_string(number(lane, "streams")) + " in use, " +
            amount(number(lane, "bytes_down")) + " down, " + amount(number(lane, "bytes_up")) + " up";
  } else if (state == "blocked") {
    line += "blocked here since " + clock_time(number(lane, "blocked_since"));
    const auto wait = number(lane, "retry_s");
    line += wait > 0 ? ", tried again in " + span(wait) : ", tried again when needed";
  } else if (state == "failing") {
    line += word(lane, "trouble");
  } else if (state == "resting") {
    line += "ready (nothing needed it lately)";
  } else {
    line += "not needed yet";
  }
  return line + "\n";
}

std::string conviction_line(const json::object& verdict) {
  std::string line = "  " + word(verdict, "subject");
  if (line == "  ") line += word(verdict, "host");
  if (const auto signal = word(verdict, "signal"); !signal.empty()) line += " (" + signal + ")";
  line += ": goes by " + word(verdict, "way");
  const auto left = number(verdict, "expires") - static_cast<std::int64_t>(std::time(nullptr));
  if (left > 0) line += ", tried directly again in " + span(left);
  return line + "\n";
}

// Nothing where nothing is captured and nobody wanted it: who has no use for that need not read of it.
std::string capture_line(const json::object& capture) {
  const auto trouble = word(capture, "trouble");
  const auto* on = capture.if_contains("on");
  if (!on || *on != true) return trouble.empty() ? "" : "\nNothing is captured: " + trouble;
  std::string out = "\nCaptured: this computer";
  for (const auto& name : list(capture, "lan"))
    if (name.is_string()) out += ", what comes in by " + std::string(name.get_string());
  return out;
}

}  // namespace

json::object status_json(const StatusFacts& facts) {
  json::object out;
  out["version"] = SURANG_VERSION;
  out["uptime_s"] = facts.uptime.count();
  out["config"] = facts.config;
  out["listen"] = json::array(facts.listen.begin(), facts.listen.end());
  const auto& s = facts.sessions;
  out["connections"] = {{"open", s.open}, {"total", s.opened}, {"refused", s.refused}, {"failed", s.failed}};
  json::array lanes;
  for (const auto& lane : facts.lanes) {
    json::object o;
    o["name"] = lane.name;
    o["bridge"] = lane.bridge;
    o["transport"] = lane.transport;
    o["state"] = state_of(lane);
    o["preferred"] = lane.preferred;
    o["failures"] = lane.failures;
    o["rtt_ms"] = (lane.tunnel.rtt.count() + 500) / 1000;
    o["streams"] = lane.tunnel.open_streams;
    o["sessions"] = lane.tunnel.sessions;
    o["bytes_up"] = lane.tunnel.bytes_up;
    o["bytes_down"] = lane.tunnel.bytes_down;
    if (lane.blocked_since != 0) {
      o["blocked_since"] = lane.blocked_since;
      o["retry_s"] = lane.retry_in.count();
    }
    if (lane.failures > 0 && !lane.tunnel.live) o["trouble"] = bridge_trouble(lane.tunnel.last_error);
    lanes.push_back(std::move(o));
  }
  out["bridges"] = std::move(lanes);
  json::object captured{{"on", facts.capture.has_value()}};
  if (facts.capture) captured["lan"] = json::value_from(facts.capture->lan);
  if (!facts.capture_trouble.empty()) captured["trouble"] = facts.capture_trouble;
  out["capture"] = std::move(captured);
  out["captive_portal"] = facts.captive_portal;
  out["convictions"] = facts.convictions;
  json::array rules;
  for (const auto& rule : facts.rules)
    rules.push_back({{"action", config::to_string(rule.action)}, {"pattern", rule.pattern}});
  out["rules"] = std::move(rules);
  return out;
}

std::string status_text(const json::object& status) {
  std::string out = "Surang " + word(status, "version") + " has been running for " +
                    span(number(status, "uptime_s")) + ".\nProxy (SOCKS and HTTP):";
  for (const auto& at : list(status, "listen"))
    if (at.is_string()) out += ' ' + std::string(at.get_string());
  if (const auto* c = status.if_contains("connections"); c && c->is_object())
    out += "\nConnections: " + std::to_string(number(c->get_object(), "open")) + " now, " +
           std::to_string(number(c->get_object(), "total")) + " so far";
  if (const auto* c = status.if_contains("capture"); c && c->is_object())
    out += capture_line(c->get_object());
  const auto& lanes = list(status, "bridges");
  out += lanes.empty() ? "\nBridges: none. Add one: surang add LINK\n" : "\nBridges:\n";
  for (const auto& lane : lanes)
    if (lane.is_object()) out += bridge_line(lane.get_object());
  if (const auto* captive = status.if_contains("captive_portal"); captive && *captive == true)
    out +=
        "This network has a captive portal. Sign in first: open any page in the browser. Until then all but\n"
        "what is known to be blocked goes directly, and nothing is learnt.\n";
  const auto& convictions = list(status, "convictions");
  out += convictions.empty() ? "Blocked on this network: nothing known.\n" : "Blocked on this network:\n";
  for (const auto& verdict : convictions)
    if (verdict.is_object()) out += conviction_line(verdict.get_object());
  return out;
}

}  // namespace surang::client
