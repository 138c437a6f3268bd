#include "tests/bench/judge/simulated_tcp.hpp"

#include <unordered_map>

#include "transports/tcp/unacknowledged.hpp"

namespace surang {
namespace judge {
namespace {

using std::chrono::steady_clock;

constexpr int kFirstNumber = 1 << 20;  // no descriptor of this process
int last_number = kFirstNumber;

std::unordered_map<int, const SimulatedTcp*>& connections() {
  static std::unordered_map<int, const SimulatedTcp*> all;
  return all;
}

const SimulatedTcp* find(int socket) {
  const auto it = connections().find(socket);
  return it == connections().end() ? nullptr : it->second;
}

}  // namespace

SimulatedTcp::SimulatedTcp(steady_clock::duration rtt) : number_(++last_number) {
  info_.rtt = info_.min_rtt = std::chrono::duration_cast<std::chrono::microseconds>(rtt);
  info_.established = true;
  connections().emplace(number_, this);
}

SimulatedTcp::~SimulatedTcp() {
  connections().erase(number_);
}

void SimulatedTcp::sent(std::size_t bytes, bool heard) {
  sent_ += bytes;
  if (!heard) return;
  const auto now = steady_clock::now();
  if (acknowledged_at_ <= now) heard_before_ = heard_;
  heard_ += bytes;
  acknowledged_at_ = now + info_.rtt;
}

void SimulatedTcp::peer_ended() {
  info_.established = false;
  info_.peer_ended = true;
}

TcpInfo SimulatedTcp::info() const {
  auto info = info_;
  info.bytes_acked = acknowledged_at_ <= steady_clock::now() ? heard_ : heard_before_;
  info.retransmits = info.bytes_acked < sent_ && heard_ < sent_ ? 1 : 0;
  return info;
}

}  // namespace judge

std::optional<TcpInfo> tcp_info(int socket) {
  const auto* connection = judge::find(socket);
  return connection ? std::optional(connection->info()) : std::nullopt;
}

std::optional<std::size_t> unacknowledged(int socket) {
  const auto* connection = judge::find(socket);
  return connection ? std::optional(connection->unacknowledged()) : std::nullopt;
}

}  // namespace surang
