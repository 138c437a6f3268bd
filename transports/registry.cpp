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
                                std::string&);  // may be null
};

constexpr std::array kTransports{
    Entry{"fronted", fronted::make_dialer, nullptr},
    Entry{"https", https::make_dialer, nullptr},
    Entry{"obfs4", obfs4::make_dialer, obfs4::make_raw_dialer},
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

}  // namespace surang
