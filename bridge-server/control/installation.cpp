#include "bridge-server/control/installation.hpp"

#include <sodium/randombytes.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>

#include "bridge-server/control/control_client.hpp"
#include "bridge-server/keys.hpp"
#include "config/bridge_config.hpp"
#include "config/exit_code.hpp"
#include "config/private_file.hpp"
#include "transports/obfs4/identity.hpp"

namespace surang::bridge {
namespace {

// A machine whose IPv6 is switched off has no sockets of that family.
bool has_ipv6() {
  boost::asio::io_context io;
  boost::asio::ip::tcp::acceptor probe(io);
  error_code ec;
  probe.open(boost::asio::ip::tcp::v6(), ec);
  return !ec;
}

// Of its own for each bridge, so that no rule about a port finds them all; below those that systems use for
// outgoing connections, and free now.
template <class Protocol>
std::uint16_t draw_port(const boost::asio::ip::address& address) {
  constexpr std::uint32_t kLowest = 10'000, kHighest = 32'000;
  std::uint16_t port = 0;
  error_code ec = boost::asio::error::address_in_use;
  for (int tries = 0; ec && tries < 20; ++tries) {
    port = static_cast<std::uint16_t>(kLowest + randombytes_uniform(kHighest - kLowest));
    boost::asio::io_context io;
    typename Protocol::socket probe(io);
    probe.open(address.is_v6() ? Protocol::v6() : Protocol::v4(), ec);
    if (!ec) probe.bind({address, port}, ec);
  }
  return port;
}

[[noreturn]] void fail(const error_code& error, const std::string& what) {
  const bool denied =
      error == boost::system::errc::permission_denied || error == boost::system::errc::read_only_file_system;
  throw CommandFailure(denied ? kPermission : kConfig, what);
}

void check(const Result<void>& done, const std::filesystem::path& file) {
  if (!done) fail(done.error(), file.string() + ": " + done.error().message());
}

// The options for what was asked, by the same checks that the file will be read with.
config::BridgeOptions options_for(const InitRequest& request) {
  config::BridgeOptions options = config::default_bridge_options();
  options.hosts = request.hosts;
  if (!request.state_dir.empty()) options.state_dir = request.state_dir;
  const auto cover = Endpoint::parse(request.cover, 443);
  if (!cover)
    throw CommandFailure(kUsage,
                         "--cover: '" + request.cover + "' is not a site such as www.example.org:443");
  options.cover = *cover;
  if (!request.sni.empty())
    options.sni = request.sni;
  else if (!cover->address())
    options.sni = cover->host();
  else
    throw CommandFailure(kUsage, "--cover is an address: --sni must say which name clients show for it");
  config::ListenerOptions listener;
  const auto wanted = !request.listen.empty() ? request.listen : has_ipv6() ? "[::]:443" : "0.0.0.0:443";
  const auto listen = Endpoint::parse(wanted);
  const auto address = listen ? listen->address() : std::nullopt;
  if (!address)
    throw CommandFailure(kUsage,
                         "--listen: '" + request.listen + "' is not an address and port such as [::]:443");
  listener.address = {*address, listen->port()};
  options.listeners = {listener};
  const auto port = request.obfs4_port ? *request.obfs4_port : draw_port<boost::asio::ip::tcp>(*address);
  if (port != 0) {
    listener.transport = "obfs4";
    listener.address.port(port);
    options.listeners.push_back(listener);
  }
  const auto quic_port = request.quic_port ? *request.quic_port : draw_port<boost::asio::ip::udp>(*address);
  if (quic_port != 0) {
    listener.transport = "quic";
    listener.address.port(quic_port);
    options.listeners.push_back(listener);
  }
  std::string why;
  auto checked = config::parse_bridge_config(config::format_bridge_config(options), "bridge.toml", why);
  if (!checked) throw CommandFailure(kUsage, why.substr(why.find(": ") + 2));
  return std::move(*checked);
}

}  // namespace

config::ShareLink make_installation(const InitRequest& request) {
  const auto options = options_for(request);
  if (options.listeners.front().address.port() == 0)
    throw CommandFailure(kUsage, "--listen needs a port that clients can be told");
  const auto obfs4 = std::ranges::find(options.listeners, "obfs4", &config::ListenerOptions::transport);
  if (obfs4 != options.listeners.end() && obfs4->address == options.listeners.front().address)
    throw CommandFailure(kUsage, "--obfs4-port: that is the port of --listen; obfs4 needs one of its own");
  std::error_code ec;
  for (const auto& file : {request.config_file, keys_file(options.state_dir)})
    if (!request.force && std::filesystem::exists(file, ec))
      throw CommandFailure(
          kConfig,
          file.string() + " is there already; --force replaces it, and every link given out stops working");
  // It would go on with the keys and users it has in memory.
  if (ask_running_bridge(control_socket(options.state_dir), {{"do", "status"}}))
    throw CommandFailure(kUnavailable,
                         "a bridge runs with " + options.state_dir.string() + "; stop it first");
  check(config::make_private_dir(options.state_dir), options.state_dir);
  // Users of keys that are gone have no use.
  for (const auto* suffix : {"", "-wal", "-shm"})
    std::filesystem::remove(users_file(options.state_dir).string() + suffix, ec);
  UserStore users(users_file(options.state_dir));
  std::string why;
  const auto user = users.add(request.user, {}, {}, why);
  if (!user) throw CommandFailure(kUsage, why);
  check(save_bridge_keys(keys_file(options.state_dir), make_bridge_keys()), keys_file(options.state_dir));
  check(config::write_private_file(request.config_file, config::format_bridge_config(options)),
        request.config_file);
  return link_for(options, *user);
}

config::BridgeOptions load_installation(const std::filesystem::path& config_file) {
  std::string why;
  auto options = config::load_bridge_config(config_file, why);
  if (options) return std::move(*options);
  if (options.error() == boost::system::errc::no_such_file_or_directory)
    why += "; 'surang-bridge init' makes one";
  fail(options.error(), why);
}

config::ShareLink link_for(const config::BridgeOptions& options, const UserRecord& user) {
  std::string why;
  const auto keys = load_bridge_keys(keys_file(options.state_dir), why);
  if (!keys) fail(keys.error(), why);
  config::ShareLink link;
  link.bridge.hosts = options.hosts;
  link.bridge.public_key = keys->public_key;
  link.bridge.user = user.key;
  link.name = user.name;
  for (const auto& listener : options.listeners) {
    if (listener.transport == "fronted") continue;  // reached by the fronts alone
    TransportSpec spec;
    spec.name = listener.transport;
    spec.port = listener.address.port();
    if (listener.transport == "obfs4") {
      spec.params["cert"] = obfs4::format_cert({keys->node_id, keys->public_key});
      if (listener.iat_mode != 0) spec.params["iat-mode"] = std::to_string(listener.iat_mode);
    } else if (listener.transport == "https") {
      // Behind a load balancer clients come in where it listens, which is not known here: its usual port.
      if (listener.proxy_protocol) spec.port = 443;
      spec.params["sni"] = options.sni;
    }
    if (std::ranges::find(link.transports, spec) == link.transports.end())
      link.transports.push_back(std::move(spec));
  }
  for (const auto& front : options.fronts) link.transports.push_back(fronted::to_spec(front));
  return link;
}

}  // namespace surang::bridge
