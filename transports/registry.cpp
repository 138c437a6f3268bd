#include "transports/registry.hpp"

#include <array>

#include "transports/fronted/fronted_dialer.hpp"
#include "transports/https/https_dialer.hpp"
#include "transports/obfs4/obfs4_dialer.hpp"
#include "transports/quic/quic_dialer.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tunnel/h2_dialer.hpp"

namespace surang {
namespace {

using SessionDialerPtr = std::unique_ptr<tunnel::SessionDialer>;

struct Entry {
  std::string_view name;
  Result<std::unique_ptr<TransportDialer>> (*make)(const TransportSpec&, const BridgeIdentity&, Dialer&,
                                                   std::string&);  // may be null
  Result<SessionDialerPtr> (*make_session)(const TransportSpec&, const BridgeIdentity&, asio::any_io_executor,
                                           Dialer&, std::string&);
  Result<RawDialer> (*make_raw)(const TransportSpec&, const BridgeIdentity&, Dialer&,
                                std::string&);                                            // may be null
  Result<std::string> (*ja4)(const TransportSpec&, const BridgeIdentity&, std::string&);  // the same
};

// Of a transport that gives one Stream.
template <auto make>
Result<SessionDialerPtr> over_http2(const TransportSpec& spec, const BridgeIdentity& bridge,
                                    asio::any_io_executor, Dialer& tcp, std::string& why) {
  auto transport = make(spec, bridge, tcp, why);
  if (!transport) return transport.error();
  return tunnel::make_h2_dialer(std::move(*transport), bridge.user);
}

Result<SessionDialerPtr> over_quic(const TransportSpec& spec, const BridgeIdentity& bridge,
                                   asio::any_io_executor executor, Dialer&, std::string& why) {
  return quic::make_dialer(spec, bridge, std::move(executor), std::make_shared<SystemResolver>(), why);
}

constexpr std::array kTransports{
    Entry{"fronted", fronted::make_dialer, over_http2<fronted::make_dialer>, nullptr, fronted::hello_ja4},
    Entry{"https", https::make_dialer, over_http2<https::make_dialer>, nullptr, https::hello_ja4},
    Entry{"obfs4", obfs4::make_dialer, over_http2<obfs4::make_dialer>, obfs4::make_raw_dialer, nullptr},
    Entry{"quic", nullptr, over_quic, nullptr, nullptr},
};

error_code unknown(const TransportSpec& spec, std::string& why) {
  why = "this build has no transport '" + spec.name + "'; it has:";
  for (const auto& entry : kTransports) (why += ' ') += entry.name;
  return make_error_code(Errc::bad_input);
}

}  // namespace

std::string label(const TransportSpec& spec) {
  const auto host = spec.params.find("host");
  return host == spec.params.end() ? spec.name : spec.name + '/' + host->second;
}

std::vector<std::string_view> transport_names() {
  std::vector<std::string_view> names;
  for (const auto& entry : kTransports) names.push_back(entry.name);
  return names;
}

Result<std::unique_ptr<TransportDialer>> make_transport_dialer(const TransportSpec& spec,
                                                               const BridgeIdentity& bridge, Dialer& tcp,
                                                               std::string& why) {
  for (const auto& entry : kTransports)
    if (entry.name == spec.name && entry.make) return entry.make(spec, bridge, tcp, why);
  return unknown(spec, why);
}

Result<std::unique_ptr<tunnel::SessionDialer>> make_session_dialer(const TransportSpec& spec,
                                                                   const BridgeIdentity& bridge,
                                                                   asio::any_io_executor executor,
                                                                   Dialer& tcp, std::string& why) {
  for (const auto& entry : kTransports)
    if (entry.name == spec.name) return entry.make_session(spec, bridge, std::move(executor), tcp, why);
  return unknown(spec, why);
}

Result<RawDialer> make_raw_dialer(const TransportSpec& spec, const BridgeIdentity& bridge, Dialer& tcp,
                                  std::string& why) {
  for (const auto& entry : kTransports)
    if (entry.name == spec.name && entry.make_raw) return entry.make_raw(spec, bridge, tcp, why);
  why = "there is no transport '" + spec.name + "' to a bridge that is not Surang's";
  return make_error_code(Errc::bad_input);
}

Result<std::string> hello_ja4(const TransportSpec& spec, const BridgeIdentity& bridge, std::string& why) {
  for (const auto& entry : kTransports)
    if (entry.name == spec.name && entry.ja4) return entry.ja4(spec, bridge, why);
  why = "transport '" + spec.name + "' begins with no ClientHello";
  return make_error_code(Errc::bad_input);
}

}  // namespace surang
