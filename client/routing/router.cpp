#include "client/routing/router.hpp"

#include "client/capture/own_addresses.hpp"
#include "client/detection/family_memory.hpp"
#include "client/detection/network_changes.hpp"
#include "client/detection/network_watch.hpp"
#include "client/detection/site_scope.hpp"
#include "client/dns/direct_names.hpp"
#include "client/routing/ladder.hpp"
#include "client/routing/router_core.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tcp/tcp_info.hpp"
#include "transports/udp/udp_flow.hpp"

namespace surang::client {
namespace {

// Direct connections of the real kind. Names are resolved elsewhere, so its own resolver is never asked.
class TcpConnector final : public Connector {
 public:
  explicit TcpConnector(Router::OwnPort own_port) : own_port_(std::move(own_port)) {}

  asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address> addresses, std::uint16_t port,
                                             std::vector<ConnectAttempt>* attempts) override {
    if (own_port_) {
      std::erase_if(addresses, [&](const auto& address) { return own_port_(address, port); });
      if (addresses.empty()) co_return make_error_code(Errc::destination_denied);
    }
    std::vector<ConnectAttempt> made;
    addresses = families_.order(std::move(addresses), Clock::now());
    auto opened = co_await dialer_.connect(std::move(addresses), port, &made);
    families_.saw(made, Clock::now());
    if (attempts) *attempts = std::move(made);
    co_return opened;
  }
  void forget() override { families_.forget(); }

 private:
  Router::OwnPort own_port_;
  SystemResolver unused_;
  TcpDialer dialer_{unused_, TcpDialerOptions{}};
  FamilyMemory families_;
};

// The system's word that something may have changed reaches who asks next, and who wants to be told.
struct ToldNetwork {
  explicit ToldNetwork(asio::any_io_executor executor) : changes(std::move(executor), [this] { heard(); }) {
    watch.told(changes.watching());
  }
  void heard() {
    watch.stale();
    watch.told(changes.watching());
    if (news) news();
  }
  NetworkWatch watch;
  std::function<void()> news;
  NetworkChanges changes;
};

// Names for datagrams that go directly: the system's word, or that of encrypted DNS where it is in doubt.
class BelievedNames final : public Resolver {
 public:
  explicit BelievedNames(std::shared_ptr<RouterCore> core) : core_(std::move(core)) {}

  asio::awaitable<Result<std::vector<asio::ip::address>>> resolve(std::string host) override {
    const auto core = core_;
    auto& names = *core->parts.names;
    auto answer = co_await names.system(host);
    const bool doubted = core->known_of(host).names_lie || is_dns(answer.doubt) || answer.addresses.empty();
    if (doubted && names.has_encrypted()) co_return co_await names.encrypted(std::move(host));
    if (answer.addresses.empty()) co_return answer.error;
    co_return std::move(answer.addresses);
  }

 private:
  const std::shared_ptr<RouterCore> core_;
};

bool is_local_endpoint(const Endpoint& to) {
  if (const auto& address = to.address()) return is_local_address(*address) || is_private_address(*address);
  return is_local_name(to.host());
}

// Where the system does not tell, any may be.
bool of_this_machine(const asio::ip::address& address) {
  return capture::is_own_address(address).value_or(true);
}

RouterParts real_parts(const asio::any_io_executor& executor, const config::ClientOptions& options,
                       Dialer* tunnel, Router::OwnPort own_port, tunnel::Control* control,
                       DatagramOpener* datagrams) {
  RouterParts parts;
  parts.control = control;
  parts.datagrams = datagrams;
  parts.names = make_direct_names(executor, options, tunnel);
  parts.connector = std::make_unique<TcpConnector>(std::move(own_port));
  const auto network = std::make_shared<ToldNetwork>(executor);
  parts.network = [network] { return &network->watch.current(); };
  parts.on_network_news = [network](std::function<void()> call) { network->news = std::move(call); };
  parts.is_local = is_local_endpoint;
  parts.of_this_machine = of_this_machine;
  parts.heard = [](const Stream& stream) {
    const auto info = tcp_info(stream.native_socket());
    return !info || info->bytes_received > 0;
  };
  return parts;
}

}  // namespace

Router::Router(asio::any_io_executor executor, const config::ClientOptions& options, Dialer* tunnel,
               VerdictStore& store, OwnPort own_port, tunnel::Control* control, DatagramOpener* datagrams)
    : Router(executor, options, tunnel, store,
             real_parts(executor, options, tunnel, std::move(own_port), control, datagrams)) {}

Router::Router(asio::any_io_executor executor, const config::ClientOptions& options, Dialer* tunnel,
               VerdictStore& store, RouterParts parts)
    : core_(std::make_shared<RouterCore>(executor, options, tunnel, store, std::move(parts))) {
  core_->start_probing();
  core_->start_following();
}

Router::~Router() {
  core_->stop();
}

std::shared_ptr<HeadStart> Router::begin(const Endpoint& to) {
  return core_->begin(to);
}

asio::awaitable<Result<OpenedConnection>> Router::open(Endpoint to, FirstFlight flight,
                                                       std::shared_ptr<HeadStart> begun) {
  return core_->open(std::move(to), std::move(flight), std::move(begun));
}

error_code Router::refuses(const Endpoint& to) const {
  const auto* rule = core_->rules.match(to);
  if (rule && rule->action == config::RuleAction::never) return make_error_code(Errc::destination_denied);
  return {};
}

Outbound::DatagramWay Router::datagram_way(const Endpoint& to, const std::string& site) {
  core_->follow_network();
  const auto plan = plan_ways(core_->facts(to, site, nullptr));
  if (plan.empty()) return DatagramWay::refused;
  // What is cut to get a connection through is of no help to datagrams.
  const bool direct = plan.front().way == Way::direct || !core_->parts.datagrams;
  const bool must_not = plan.front().way == Way::tunnel && !core_->parts.datagrams;
  return must_not ? DatagramWay::refused : direct ? DatagramWay::direct : DatagramWay::tunnel;
}

asio::awaitable<Result<DatagramFlowPtr>> Router::open_datagrams(DatagramWay way) {
  if (way == DatagramWay::direct)
    co_return make_udp_flow(core_->executor, std::make_shared<BelievedNames>(core_));
  if (way == DatagramWay::direct_public)
    co_return make_udp_flow(
        core_->executor, std::make_shared<BelievedNames>(core_),
        [core = core_](std::vector<asio::ip::address> addresses, std::uint16_t) {
          const auto& own = core->parts.of_this_machine;
          std::erase_if(addresses, [&](const auto& a) { return !is_public_address(a) || (own && own(a)); });
          return addresses;
        });
  if (way == DatagramWay::tunnel && core_->parts.datagrams) co_return co_await core_->parts.datagrams->open();
  co_return make_error_code(Errc::no_route);
}

std::string Router::network() {
  return core_->learner.network();
}

bool Router::captive_portal() {
  core_->follow_network();
  return core_->portal.captive();
}

void Router::when_network_changes(std::function<void()> call) {
  core_->network_changed = std::move(call);
}

void Router::set_rules(std::vector<config::Rule> rules) {
  core_->rules = Rules(std::move(rules));
}

asio::awaitable<void> Router::stop() {
  const auto core = core_;
  core->stop();
  co_await core->background.join();
}

}  // namespace surang::client
