#include "transports/registry.hpp"

#include <array>

#include "transports/fronted/fronted_dialer.hpp"
#include "transports/https/https_dialer.hpp"
#include "transports/obfs4/obfs4_dialer.hpp"

namespace surang {
namespace {

struct Entry {
  std::string_view name;
  Result<std::unique_ptr<TransportDialer>> (*make)(const TransportSpec&, const BridgeIdentity&, Dialer&,
                                                   std::string&);
  Result<RawDialer> (*make_raw)(const TransportSpec&, const BridgeIdentity&, Dialer&,
                                std::string&);                                            // may be null
  Result<std::string> (*ja4)(const TransportSpec&, const BridgeIdentity&, std::string&);  // the same
};

constexpr std::array kTransports{
    Entry{"fronted", fronted::make_dialer, nullptr, fronted::hello_ja4},
    Entry{"https", https::make_dialer, nullptr, https::hello_ja4},
    Entry{"obfs4", obfs4::make_dialer, obfs4::make_raw_dialer, nullptr},
};

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
    if (entry.name == spec.name) return entry.make(spec, bridge, tcp, why);
  why = "this build has no transport '" + spec.name + "'; it has:";
  for (const auto& entry : kTransports) (why += ' ') += entry.name;
  return make_error_code(Errc::bad_input);
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
