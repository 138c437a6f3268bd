// What an attempt shows to whoever judges it.
#include "client/detection/attempt.hpp"

namespace surang::client {

using asio::ip::address;

Signal Attempt::silence() const {
  switch (view.stage) {
    case Stage::resolving:
      return Signal::dns_silence;
    case Stage::connecting:
      return Signal::tcp_silence;
    case Stage::waiting:
      break;
  }
  if (!stream) return Signal::other;
  return answer_silence(flight_kind, flight_size, tcp_info(stream->carrier_socket()));
}

std::string Attempt::tried_address() const {
  for (const auto& c : connects)
    if (!c.result) return c.to.address().to_string();
  for (const auto& c : connects)
    if (c.result != asio::error::operation_aborted) return c.to.address().to_string();
  return addresses.empty() ? std::string() : addresses.front().to_string();
}

std::vector<address> Attempt::dialled() const {
  std::vector<address> all;
  for (const auto& c : connects)
    if (c.result != asio::error::operation_aborted) all.push_back(c.to.address());
  return all;
}

}  // namespace surang::client
