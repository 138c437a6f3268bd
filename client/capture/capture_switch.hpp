// Turns capturing on and off as the configuration and the command line say, one wish after another. The App
// has one.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "client/capture/capture.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::client {

/// Names of interfaces with commas or spaces between.
std::vector<std::string> interfaces_of(const std::string& text);

class CaptureSwitch {
 public:
  CaptureSwitch(asio::any_io_executor executor, SessionContext& sessions, SelfGuard& guard,
                const OwnNames& own_names)
      : executor_(executor), capture_(executor, sessions, guard, own_names) {}

  /// By `wanted.enabled` and the rest of it: {"capture": whether it is on now}, and where that is not what
  /// was wanted "error", and with it "permitted": false where this process may not.
  asio::awaitable<boost::json::object> turn(config::CaptureOptions wanted);
  /// What the command line asks by `query` ("to", "lan"), where the configuration says `written`.
  asio::awaitable<boost::json::object> turn(config::CaptureOptions written,
                                            std::map<std::string, std::string> query);
  asio::awaitable<void> follow(config::CaptureOptions written);  ///< what comes of it stands in the log
  asio::awaitable<void> off() { return capture_.off(); }         ///< at the end, when no other wish can come
  std::vector<asio::ip::udp::endpoint> name_servers() const { return capture_.name_servers(); }
  const std::string& trouble() const { return capture_.trouble(); }
  bool is_on() const { return capture_.is_on(); }
  const config::CaptureOptions& options() const { return capture_.options(); }

 private:
  const asio::any_io_executor executor_;
  Capture capture_;
  bool turning_ = false;
  unsigned wishes_ = 0;
  Wakeup turned_;
};

}  // namespace surang::client
