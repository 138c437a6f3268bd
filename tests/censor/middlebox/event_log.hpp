// JSON lines for the scenarios to assert on: "open", "name", "dns", "rule" and "close" events, each with the
// wall clock time in seconds. Written out once per turn of the event loop.
#pragma once

#include <boost/json/object.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "tests/censor/middlebox/flow_table.hpp"

namespace surang::censor {

class EventLog {
 public:
  explicit EventLog(const std::string& file);  ///< throws when it cannot be opened
  void write(const char* event, boost::json::object fields);
  void flush() { std::fflush(file_.get()); }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

std::string to_string(const Address& address, std::uint16_t port);
boost::json::object describe(const FlowKey& key);
boost::json::object describe(const FlowKey& key, const Flow& flow);

}  // namespace surang::censor
