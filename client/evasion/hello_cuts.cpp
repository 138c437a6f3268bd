#include "client/evasion/hello_cuts.hpp"

#include <algorithm>
#include <string>

#include "client/detection/site_scope.hpp"
#include "transports/tls/client_hello.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kRecordHeader = 5;

// Where byte `at` of the handshake message stands in its records; ahead of the header of a record that it
// begins.
std::size_t in_flight(std::span<const std::uint8_t> flight, std::size_t at) {
  std::size_t record = 0;
  for (std::size_t message = 0; record + kRecordHeader <= flight.size();) {
    const auto size = static_cast<std::size_t>(flight[record + 3]) << 8 | flight[record + 4];
    if (at == message) return record;
    if (at < message + size) return record + kRecordHeader + at - message;
    message += size;
    record += kRecordHeader + size;
  }
  return flight.size();
}

}  // namespace

std::vector<std::size_t> label_cuts(std::string_view name) {
  const auto domain = registrable_domain(name);
  const auto suffix = std::min(domain.find('.'), domain.size());  // in the domain
  const auto end = name.size() - std::min(name.size(), domain.size() - suffix);
  std::vector<std::size_t> cuts;
  for (std::size_t begin = 0; begin < end;) {
    const auto dot = std::min(name.find('.', begin), end);
    const auto size = dot - begin;
    if (size > 0) cuts.push_back(begin + std::max<std::size_t>(1, size / 2));
    begin = dot + 1;
  }
  return cuts;
}

std::vector<std::size_t> hello_cuts(std::span<const std::uint8_t> flight) {
  tls::ClientHello hello;
  std::vector<std::size_t> cuts;
  if (tls::parse_client_hello(flight, hello) != tls::HelloState::complete || hello.server_name.empty())
    return cuts;
  for (const auto cut : label_cuts(hello.server_name))
    cuts.push_back(in_flight(flight, hello.server_name_in_message + cut));
  return cuts;
}

}  // namespace surang::client
