#include "tests/censor/middlebox/event_log.hpp"

#include <boost/json/serialize.hpp>
#include <cerrno>
#include <system_error>

namespace surang::censor {

EventLog::EventLog(const std::string& file) : file_(std::fopen(file.c_str(), "ae")) {
  if (!file_) throw std::system_error(errno, std::generic_category(), file);
}

void EventLog::write(const char* event, boost::json::object fields) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  fields["t"] = now.count();
  fields["ev"] = event;
  const auto line = boost::json::serialize(fields) + "\n";
  std::fwrite(line.data(), 1, line.size(), file_.get());
}

std::string to_string(const Address& address, std::uint16_t port) {
  const auto text = to_string(address);
  return (address.v6 ? "[" + text + "]" : text) + ":" + std::to_string(port);
}

boost::json::object describe(const FlowKey& key) {
  return {{"proto", key.protocol == kTcp ? "tcp" : "udp"},
          {"client", to_string(key.ends.source, key.ends.source_port)},
          {"address", to_string(key.ends.destination)},
          {"port", key.ends.destination_port}};
}

boost::json::object describe(const FlowKey& key, const Flow& flow) {
  auto fields = describe(key);
  fields["name"] = flow.name;
  fields["kind"] = flow.kind;
  fields["up"] = flow.up;
  fields["down"] = flow.down;
  fields["rule"] = flow.decided_by;
  return fields;
}

}  // namespace surang::censor
