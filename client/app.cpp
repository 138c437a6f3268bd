#include "client/app.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <sstream>

#include "client/bridges/bridge_pool.hpp"
#include "client/bridges/usable.hpp"
#include "client/capture/capture_switch.hpp"
#include "client/control/control_server.hpp"
#include "client/control/status_report.hpp"
#include "client/inbound/local_listener.hpp"
#include "client/offline.hpp"
#include "client/os.hpp"
#include "client/routing/first_flight.hpp"
#include "client/routing_switch.hpp"
#include "client/session.hpp"
#include "config/client_config.hpp"
#include "config/private_file.hpp"
#include "transports/core/process.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tcp/tcp_stream.hpp"

namespace surang::client {
namespace {

using Clock = std::chrono::steady_clock;
using asio::ip::tcp;

constexpr std::chrono::seconds kDrain{5};

std::string text(const tcp::endpoint& at) {
  std::ostringstream out;
  out << at;
  return out.str();
}

asio::awaitable<Result<void>> joined(TaskGroup& tasks) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (tasks.size() > 0) {
    pause.expires_after(std::chrono::milliseconds(20));
    co_await pause.async_wait(asio::use_awaitable);
  }
  co_return Result<void>{};
}

void set_log_level(const std::string& level) {
  spdlog::set_level(spdlog::level::from_str(level == "warn" ? "warning" : level));
}

// Whether a Router made for the one does for the other; rules and bridges are changed in it.
bool same_routing(const config::ClientOptions& a, const config::ClientOptions& b) {
  return a.doh == b.doh && a.on_tunnel_down == b.on_tunnel_down && a.extra_ca_file == b.extra_ca_file &&
         a.hedge_delay == b.hedge_delay && a.handshake_silence == b.handshake_silence &&
         a.late_dns_wait == b.late_dns_wait && a.total_budget == b.total_budget &&
         a.first_expiry == b.first_expiry && a.background_probes == b.background_probes &&
         a.sensitive == b.sensitive && a.block_pages == b.block_pages && a.services == b.services &&
         a.captive_probe == b.captive_probe && a.evasion == b.evasion;
}

class App {
 public:
  App(std::filesystem::path file, config::ClientOptions options)
      : file_(std::move(file)),
        options_(std::move(options)),
        store_(options_.state_dir / "verdicts.sqlite"),
        pool_(
            io_.get_executor(),
            [this](const auto& spec, const auto& bridge, std::string& why) {
              return make_session_dialer(spec, bridge, io_.get_executor(), tcp_, why);
            },
            pool_options()) {}

  int run();

 private:
  int open_control();
  int open_listeners();
  BridgePoolOptions pool_options();
  void use(const config::ClientOptions& options);
  boost::json::object reload();
  config::CaptureOptions by_hand(const config::CaptureOptions& before) const;

  asio::awaitable<void> live();
  asio::awaitable<void> watch_hangup();
  asio::awaitable<void> end();
  asio::awaitable<ControlAnswer> answer(ControlRequest request);
  StatusFacts facts();

  const std::filesystem::path file_;
  config::ClientOptions options_;
  asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};  // its sockets are used by one thread
  // From the first moment, so that none is lost between start and the first wait.
  asio::signal_set ending_{io_, SIGINT, SIGTERM}, hangup_{io_};
  const bool reloads_ = add_reload_signal(hangup_);
  OwnNames resolver_;
  TcpDialer tcp_{resolver_, {}};
  VerdictStore store_;
  BridgePool pool_;
  RoutingSwitch routing_{io_.get_executor()};
  bool tunnel_ = false;  // the present Router has one
  SelfGuard guard_{io_.get_executor()};
  SessionContext sessions_{routing_, guard_, nullptr, {}};
  CaptureSwitch capture_{io_.get_executor(), sessions_, guard_, resolver_};
  ControlServer control_{io_.get_executor()};
  std::vector<std::unique_ptr<LocalListener>> listeners_;
  TaskGroup tasks_{io_.get_executor()}, browsers_{io_.get_executor()};
  const Clock::time_point began_ = Clock::now();
};

int App::open_control() {
  std::string why;
  const auto ok = control_.open(control_socket(options_.state_dir), why);
  if (ok) return kOk;
  spdlog::error("{}", why);
  return ok.error() == std::errc::permission_denied ? kPermission : kUnavailable;
}

int App::open_listeners() {
  for (const auto& at : options_.listen) {
    auto listener = std::make_unique<LocalListener>(io_.get_executor());
    std::string why;
    const auto ok = listener->open(at, why);
    if (ok) {
      guard_.own(listener->local().port());
      listeners_.push_back(std::move(listener));
      continue;
    }
    const auto& e = ok.error();
    const bool no_ipv6 =
        e == std::errc::address_family_not_supported || e == std::errc::address_not_available;
    if (at.address().is_v6() && no_ipv6) {
      spdlog::warn("this machine has no {}: listening on the other addresses only", at.address().to_string());
      continue;
    }
    spdlog::error("{}", why);
    return e == std::errc::permission_denied ? kPermission : kUnavailable;
  }
  if (!listeners_.empty()) return kOk;
  spdlog::error("there is no address to listen on");
  return kUnavailable;
}

BridgePoolOptions App::pool_options() {
  BridgePoolOptions pool;
  pool.network = [this] { return routing_.empty() ? std::string() : routing_.current().network(); };
  pool.memory = std::make_shared<LaneStore>(options_.state_dir / "bridges.sqlite");
  pool.may_repeat = [](std::span<const std::uint8_t> said) {
    bool more = false;
    const auto flight = classify_first_flight({said.begin(), said.end()}, more);
    return flight.replayable && !more;
  };
  pool.make_raw = [this](const auto& spec, const auto& bridge, std::string& why) {
    return make_raw_dialer(spec, bridge, tcp_, why);
  };
  return pool;
}

// Takes options over, whole. What needs no new Router is changed in the old one.
void App::use(const config::ClientOptions& options) {
  const bool first = !sessions_.options;
  const bool tunnel = any_usable(options.bridges);
  // Made before anything changes, so that what throws here leaves all as it was.
  std::shared_ptr<Router> router;
  if (first || tunnel_ != tunnel || !same_routing(options, options_))
    router = std::make_shared<Router>(
        io_.get_executor(), options, tunnel ? &pool_ : nullptr, store_,
        [this](const asio::ip::address& address, std::uint16_t port) {
          return guard_.is_self(address, port);
        },
        tunnel ? &pool_ : nullptr, tunnel ? &pool_ : nullptr);
  if (router) {
    router->ask_name_servers_of([this] { return capture_.name_servers(); });
    router->when_network_changes([this] { pool_.network_changed(); });
  }
  auto session_options = std::make_shared<SessionOptions>();
  session_options->credentials = options.auth;
  sessions_.options = std::move(session_options);
  set_log_level(options.log_level);
  for (const auto& problem : pool_.set_bridges(options.bridges)) spdlog::warn("{}", problem);
  tunnel_ = tunnel;
  if (router)
    routing_.set(std::move(router));
  else
    routing_.current().set_rules(options.rules);
  if (!first && options.listen != options_.listen)
    spdlog::warn("`listen` has changed: restart Surang to listen there");
  if (!first && options.state_dir != options_.state_dir)
    spdlog::warn("`state_dir` has changed: restart Surang to use it");
  const auto captured_before = options_.capture;
  const auto state_dir = options_.state_dir;
  const auto listen = options_.listen;
  options_ = options;
  options_.state_dir = state_dir;
  options_.listen = listen;
  if (first ? options_.capture.enabled : options_.capture != captured_before)
    tasks_.spawn(capture_.follow(first ? options_.capture : by_hand(captured_before)));
}

// What the command line has turned on or off, and for whom, holds until just that is written otherwise.
config::CaptureOptions App::by_hand(const config::CaptureOptions& before) const {
  auto wanted = options_.capture;
  if (wanted.enabled == before.enabled) wanted.enabled = capture_.is_on();
  if (wanted.lan == before.lan && capture_.is_on()) wanted.lan = capture_.options().lan;
  return wanted;
}

boost::json::object App::reload() {
  const auto refuse = [](const std::string& why) -> boost::json::object {
    spdlog::error("not reloaded: {}", why);
    return {{"ok", false}, {"error", why}};
  };
  // A file that has gone is not an empty one: its bridges, rules and password stay in force.
  auto loaded = load_config(file_, WhenMissing::refuse);
  if (loaded.status != kOk) return refuse(loaded.why);
  try {
    use(loaded.options);
  } catch (const std::exception& e) {
    return refuse(e.what());
  }
  spdlog::info("reloaded {}: {} bridge(s), {} rule(s)", file_.string(), options_.bridges.size(),
               options_.rules.size());
  return {{"ok", true}, {"bridges", options_.bridges.size()}, {"rules", options_.rules.size()}};
}

StatusFacts App::facts() {
  StatusFacts facts;
  for (const auto& listener : listeners_) facts.listen.push_back(text(listener->local()));
  facts.uptime = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - began_);
  facts.sessions = sessions_.counters;
  facts.lanes = pool_.status();
  facts.convictions = routing_.current().convictions();
  if (capture_.is_on()) facts.capture = capture_.options();
  facts.capture_trouble = capture_.trouble();
  facts.captive_portal = routing_.current().captive_portal();
  facts.rules = options_.rules;
  facts.config = file_.string();
  return facts;
}

asio::awaitable<ControlAnswer> App::answer(ControlRequest request) {
  ControlAnswer out;
  const auto host = request.query["host"];
  if (request.path == "/status") {
    out.body = status_json(facts());
  } else if (request.path == "/why") {
    out.body = why_of(routing_.current(), host);
  } else if (request.path == "/check") {
    const auto router = routing_.hold();
    auto result = co_await router->check(host);
    out.body = std::move(result);
  } else if (request.path == "/capture" && request.method == "POST") {
    auto turning = capture_.turn(options_.capture, std::move(request.query));
    auto result = co_await std::move(turning);
    out.body = std::move(result);
  } else if (request.path == "/reload" && request.method == "POST") {
    out.body = reload();
  } else {
    out.status = 404;
    out.body = boost::json::object{{"error", "there is no " + request.method + ' ' + request.path}};
  }
  co_return out;
}

asio::awaitable<void> App::watch_hangup() {
  for (;;) {
    co_await hangup_.async_wait(asio::use_awaitable);
    reload();
  }
}

// The first TERM or INT lets connections end, the second does not wait.
asio::awaitable<void> App::live() {
  co_await ending_.async_wait(asio::use_awaitable);
  for (auto& listener : listeners_) listener->close();
  co_await capture_.off();
  if (browsers_.size() > 0) {
    spdlog::info("ending: {} connection(s) have {} s to finish; once more ends them now", browsers_.size(),
                 kDrain.count());
    (void)co_await asio::experimental::make_parallel_group(
        asio::co_spawn(io_, with_timeout(kDrain, joined(browsers_)), asio::deferred),
        ending_.async_wait(asio::deferred))
        .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  }
  co_await end();
}

asio::awaitable<void> App::end() {
  control_.close();
  browsers_.cancel();
  co_await browsers_.join();
  tasks_.cancel();
  co_await tasks_.join();
  co_await routing_.stop();
  co_await pool_.stop();
  spdlog::info("ended");
}

int App::run() {
  if (const int status = open_control(); status != kOk) return status;
  if (const int status = open_listeners(); status != kOk) return status;
  use(options_);
  if (options_.bridges.empty())
    spdlog::warn("no bridge yet: blocked sites open only where a local way helps. Add one: surang add LINK");
  for (auto& listener : listeners_) {
    tasks_.spawn(listener->run(browsers_, [this](tcp::socket socket, TaskGroup::Task task) {
      return serve_browser(std::move(socket), sessions_, task);
    }));
    spdlog::info("listening on {}", text(listener->local()));
  }
  tasks_.spawn(control_.run(tasks_, [this](ControlRequest request) { return answer(std::move(request)); }));
  if (reloads_) tasks_.spawn(watch_hangup());
  std::exception_ptr failure;
  asio::co_spawn(io_, live(), [&](std::exception_ptr e) {
    failure = e;
    io_.stop();
  });
  io_.run();
  if (failure) std::rethrow_exception(failure);
  return kOk;
}

}  // namespace

LoadedConfig load_config(const std::filesystem::path& file, WhenMissing missing) {
  LoadedConfig loaded;
  auto options = config::load_client_config(file, loaded.why);
  const bool default_file = file == config::default_client_config_path();
  if (!options && options.error() == std::errc::no_such_file_or_directory && default_file &&
      missing == WhenMissing::use_defaults)
    options = config::client_options_without_file(file, loaded.why);
  if (options) {
    loaded.options = std::move(*options);
    return loaded;
  }
  const auto& e = options.error();
  loaded.status = e == std::errc::permission_denied ? kPermission : kConfig;
  if (loaded.why.empty()) loaded.why = "cannot read " + file.string() + ": " + e.message();
  return loaded;
}

int run_client(const std::filesystem::path& config_file, config::ClientOptions options) {
  spdlog::set_pattern("%Y-%m-%d %H:%M:%S %^%l%$ %v");
  set_log_level(options.log_level);
  prepare_process();
  if (const auto ok = config::make_private_dir(options.state_dir); !ok) {
    spdlog::error("cannot make {}: {}", options.state_dir.string(), ok.error().message());
    return ok.error() == std::errc::permission_denied ? kPermission : kUnavailable;
  }
  try {
    App app(config_file, std::move(options));
    return app.run();
  } catch (const std::exception& e) {
    spdlog::error("{}", e.what());
    return kUnavailable;
  }
}

}  // namespace surang::client
