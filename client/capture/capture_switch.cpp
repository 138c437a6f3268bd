#include "client/capture/capture_switch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "config/client_config.hpp"

namespace surang::client {

namespace json = boost::json;

std::vector<std::string> interfaces_of(const std::string& text) {
  constexpr auto between = ", ";
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = text.find_first_not_of(between, at);
    if (begin == text.npos) break;
    at = std::min(text.find_first_of(between, begin), text.size());
    out.push_back(text.substr(begin, at - begin));
  }
  return out;
}

asio::awaitable<json::object> CaptureSwitch::turn(config::CaptureOptions wanted) {
  const auto wish = ++wishes_;
  while (turning_) {
    co_await turned_.wait(executor_);
    if (wish != wishes_)
      co_return json::object{{"capture", is_on()}, {"error", "another wish has come meanwhile"}};
  }
  struct Turning {
    CaptureSwitch& of;
    explicit Turning(CaptureSwitch& s) : of(s) { of.turning_ = true; }
    ~Turning() {
      of.turning_ = false;
      of.turned_.notify();
    }
  };
  std::string why;
  Result<void> done;
  {
    const Turning turning(*this);
    if (wanted.enabled) {
      auto switching = capture_.on(std::move(wanted), why);
      done = co_await std::move(switching);
    } else {
      co_await capture_.off();
    }
  }
  json::object out{{"capture", is_on()}};
  if (!done) {
    spdlog::error("nothing is captured: {}", why);
    out["error"] = why;
    out["permitted"] = done.error() != boost::system::errc::operation_not_permitted;
  }
  co_return out;
}

asio::awaitable<json::object> CaptureSwitch::turn(config::CaptureOptions written,
                                                  std::map<std::string, std::string> query) {
  written.enabled = query["to"] == "on";
  if (const auto lan = query.find("lan"); lan != query.end()) {
    written.lan = interfaces_of(lan->second);
    for (const auto& name : written.lan)
      if (!config::valid_interface(name))
        co_return json::object{{"capture", is_on()},
                               {"error", "'" + name + "' is no name of a network interface"}};
  }
  auto turning = turn(std::move(written));
  auto out = co_await std::move(turning);
  co_return out;
}

asio::awaitable<void> CaptureSwitch::follow(config::CaptureOptions written) {
  auto turning = turn(std::move(written));
  const auto said = co_await std::move(turning);
}

}  // namespace surang::client
