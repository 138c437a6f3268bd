#include "transports/obfs4/obfs4_dialer.hpp"

#include "transports/obfs4/connection.hpp"
#include "transports/tcp/carrier.hpp"

namespace surang::obfs4 {
namespace {

struct Settings {
  NodeIdentity server;
  IatMode iat = IatMode::off;
  Shape shape;
};

asio::awaitable<Result<Connection>> dial(Dialer& tcp, std::vector<std::string> hosts, std::uint16_t port,
                                         Settings settings, std::optional<UserKey> user) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto handshake = std::make_unique<ClientHandshake>(
      settings.server, settings.shape, std::chrono::duration_cast<std::chrono::seconds>(now).count());
  auto raw = co_await dial_carrier(tcp, std::move(hosts), port);
  if (raw.has_error()) co_return raw.error();
  co_return co_await connect_over(std::move(*raw), std::move(handshake), settings.iat, user);
}

asio::awaitable<Result<StreamPtr>> dial_raw(Dialer& tcp, std::vector<std::string> hosts, std::uint16_t port,
                                            Settings settings) {
  auto connection = co_await dial(tcp, std::move(hosts), port, settings, std::nullopt);
  if (connection.has_error()) co_return connection.error();
  co_return StreamPtr(std::move(connection->stream));
}

class Obfs4Dialer final : public TransportDialer {
 public:
  Obfs4Dialer(std::uint16_t port, const BridgeIdentity& bridge, Settings settings, Dialer& tcp)
      : port_(port), bridge_(bridge), settings_(settings), tcp_(tcp) {}

  std::string_view name() const noexcept override { return "obfs4"; }

  asio::awaitable<Result<Authenticated>> connect() override {
    auto connection = co_await dial(tcp_, bridge_.hosts, port_, settings_, bridge_.user);
    if (connection.has_error()) co_return connection.error();
    Authenticated out;
    out.user = bridge_.user.id;
    out.binding = connection->binding;
    out.stream = std::move(connection->stream);
    co_return std::move(out);
  }

 private:
  std::uint16_t port_;
  BridgeIdentity bridge_;
  Settings settings_;
  Dialer& tcp_;
};

// `user` null: the bridge knows none.
Result<Settings> read_settings(const TransportSpec& spec, const BridgeIdentity& bridge, const UserKey* user,
                               std::string& why) {
  const auto refuse = [&why](std::string text) {
    why = std::move(text);
    return make_error_code(Errc::bad_input);
  };
  if (bridge.hosts.empty()) return refuse("the bridge has no address");
  if (spec.port == 0) return refuse("obfs4 needs a port other than 0");
  const auto value = [&spec](const char* name) {
    const auto found = spec.params.find(name);
    return found == spec.params.end() ? std::string() : found->second;
  };
  Settings settings;
  const auto server = parse_cert(value("cert"));
  if (server.has_error())
    return refuse(value("cert").empty() ? "obfs4 needs cert=, the bridge's identity"
                                        : "obfs4: cert= is not the 70 characters of a bridge's identity");
  settings.server = *server;
  if (const auto named = value("iat-mode"); !named.empty()) {
    const auto iat = iat_mode_named(named);
    if (!iat) return refuse("obfs4: iat-mode=" + named + " is not 0, 1 or 2");
    settings.iat = *iat;
  }
  const auto shape = value("shape");
  const auto name = shape.empty() ? "printable" : shape;
  const auto known = user ? shape_named(name, *user) : shape_named(name, settings.server);
  if (!known) return refuse("obfs4: shape=" + shape + " is neither plain nor printable");
  settings.shape = *known;
  return settings;
}

}  // namespace

Result<std::unique_ptr<TransportDialer>> make_dialer(const TransportSpec& spec, const BridgeIdentity& bridge,
                                                     Dialer& tcp, std::string& why) {
  auto settings = read_settings(spec, bridge, &bridge.user, why);
  if (settings.has_error()) return settings.error();
  return std::unique_ptr<TransportDialer>(std::make_unique<Obfs4Dialer>(spec.port, bridge, *settings, tcp));
}

Result<RawDialer> make_raw_dialer(const TransportSpec& spec, const BridgeIdentity& bridge, Dialer& tcp,
                                  std::string& why) {
  auto settings = read_settings(spec, bridge, nullptr, why);
  if (settings.has_error()) return settings.error();
  return RawDialer([&tcp, hosts = bridge.hosts, port = spec.port, s = *settings] {
    return dial_raw(tcp, hosts, port, s);
  });
}

}  // namespace surang::obfs4
