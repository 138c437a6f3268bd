#include "bridge-server/server.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <optional>
#include <thread>

#include "bridge-server/control/control_server.hpp"
#include "bridge-server/egress/own_addresses.hpp"
#include "bridge-server/listeners/share_port.hpp"
#include "bridge-server/listeners/worker.hpp"
#include "bridge-server/reload_signal.hpp"
#include "config/bridge_config.hpp"
#include "config/exit_code.hpp"
#include "transports/core/process.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/system_resolver.hpp"

namespace surang::bridge {
namespace {

using namespace std::chrono_literals;
using Options = std::shared_ptr<const config::BridgeOptions>;

constexpr auto kDrainLimit = 30s;
constexpr auto kHousekeeping = 2s;  // usage to disk, expiry, quota, own addresses, users changed on disk
constexpr auto kNameLimit = 5s, kNameAge = 60s;  // for looking up the names that clients know this bridge by

class Server {
 public:
  Server(Options options, std::filesystem::path config_file, BridgeKeys keys,
         const std::filesystem::path& users, std::size_t descriptors)
      : shared_(options),
        config_file_(std::move(config_file)),
        store_(users),
        tasks_(io_.get_executor()),
        signals_(io_),
        control_(io_, control_socket(options->state_dir),
                 [this](const boost::json::object& request) { return answer(request); }) {
    shared_.keys = keys;
    // One takes two, and up to four more while bytes flow: strangers never get more than half of all.
    shared_.max_covered = std::clamp<std::size_t>(descriptors / 12, 16, 4096);
    (void)store_.changed_elsewhere();
    shared_.users.load(store_.list());
    refresh_egress();
  }

  int run() {
    // Before anybody can know that it runs: a signal that nobody waits for would kill it.
    for (const int number : {SIGINT, SIGTERM}) signals_.add(number);
    if (reloads_) signals_.add(*reloads_);
    if (const auto code = start(); code != 0) return code;
    tasks_.spawn(watch_signals());
    tasks_.spawn(housekeeping());
    tasks_.spawn(learn_own_names());
    io_.run();
    for (auto& worker : workers_) worker->stop();
    flush_usage();
    return 0;
  }

 private:
  int start() {
    const auto options = shared_.options.load();
    if (const auto ready = control_.start(); !ready) {
      if (ready.error() == asio::error::address_in_use)
        spdlog::error("another bridge runs with {}", options->state_dir.string());
      else
        spdlog::error("cannot make the control socket in {}: {}", options->state_dir.string(),
                      ready.error().message());
      return ready.error() == asio::error::access_denied ? kPermission : kUnavailable;
    }
    // Only now is it certain that no other bridge keeps this journal.
    shared_.replays = std::make_unique<https::ReplaySet>(options->state_dir / "replays");
    auto listeners = options->listeners;
    // Workers share their ports, and so could two bridges without noticing: see first that nobody is there.
    for (const auto& listener : listeners) {
      if (listener.transport == "quic") continue;  // is not shared
      if (const auto code = see_that_free(listener.address); code != 0) return code;
    }
    const auto wanted =
        options->workers ? options->workers : std::max(1U, std::thread::hardware_concurrency());
    const auto count = can_share_ports() ? wanted : 1U;
    for (unsigned i = 0; i < count; ++i) workers_.push_back(std::make_unique<Worker>(shared_));
    for (std::size_t turn = 0; auto& listener : listeners) {
      // What belongs to one worker goes to one after the other.
      const bool shares = listener.transport != "fronted" && listener.transport != "quic";
      const auto first = shares ? std::size_t{0} : turn++ % count;
      const auto last = shares ? workers_.size() : first + 1;
      for (auto i = first; i < last; ++i) {
        std::string why;
        const auto listening = workers_[i]->listen(listener, why);
        if (listening) continue;  // the port that the system chose holds for the other workers too
        spdlog::error("cannot listen on {}", why);
        if (listening.error() == Errc::bad_input) return kConfig;
        return listening.error() == asio::error::access_denied ? kPermission : kUnavailable;
      }
    }
    for (auto& worker : workers_) worker->start();
    for (const auto& listener : listeners)
      spdlog::info("listening on {}:{} ({})",
                   listener.address.address().is_v6() ? "[" + listener.address.address().to_string() + "]"
                                                      : listener.address.address().to_string(),
                   listener.address.port(), listener.transport);
    return 0;
  }

  int see_that_free(const asio::ip::tcp::endpoint& at) {
    asio::ip::tcp::acceptor probe(io_);
    error_code ec;
    probe.open(at.protocol(), ec);
    if (!ec) probe.set_option(asio::ip::tcp::acceptor::reuse_address(true), ec);
    if (!ec) probe.bind(at, ec);
    if (!ec) probe.listen(1, ec);
    if (!ec) return 0;
    const Endpoint name(at.address().to_string(), at.port());
    spdlog::error("cannot listen on {}: {}", name.to_string(), ec.message());
    return ec == asio::error::access_denied ? kPermission : kUnavailable;
  }

  asio::awaitable<void> watch_signals() {
    for (;;) {
      const int number = co_await signals_.async_wait(asio::use_awaitable);
      if (number == reloads_) {
        reload();
        continue;
      }
      if (shared_.draining) {
        finish();
        co_return;
      }
      spdlog::info("stopping when the open connections have ended, at most {} s; again to stop at once",
                   std::chrono::seconds(kDrainLimit).count());
      shared_.draining = true;
      for (auto& worker : workers_) worker->stop_listening();
      tasks_.spawn(drain());
    }
  }

  asio::awaitable<void> drain() {
    const auto until = std::chrono::steady_clock::now() + kDrainLimit;
    asio::steady_timer timer(io_);
    do {
      timer.expires_after(100ms);
      co_await timer.async_wait(asio::use_awaitable);
    } while (open_sessions() > 0 && std::chrono::steady_clock::now() < until);
    finish();
  }

  asio::awaitable<void> housekeeping() {
    asio::steady_timer timer(io_);
    for (;;) {
      timer.expires_after(kHousekeeping);
      co_await timer.async_wait(asio::use_awaitable);
      flush_usage();
      refresh_egress();
      // A command that could not reach the control socket has still written what it was told to.
      if (!users_read_ || users_changed()) reload_users();
      for (auto& worker : workers_) worker->cut_sessions();
    }
  }

  bool users_changed() {
    try {
      return store_.changed_elsewhere();
    } catch (const std::exception&) {
      return true;  // reading them will say what is wrong
    }
  }

  // Behind a NAT a name may be all that tells this bridge's public address.
  asio::awaitable<void> learn_own_names() {
    SystemResolver resolver;
    asio::steady_timer timer(io_);
    for (;;) {
      const auto options = shared_.options.load();
      std::vector<asio::ip::address> found;
      bool all = true;
      for (const auto& host : options->hosts) {
        if (address_literal(host)) continue;
        const auto addresses = co_await with_timeout(kNameLimit, resolver.resolve(host));
        if (addresses) found.insert(found.end(), addresses->begin(), addresses->end());
        all = all && addresses.has_value();
      }
      if (all) named_ = std::move(found);
      refresh_egress();
      timer.expires_after(kNameAge);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  // All that keeps io_ running ends.
  void finish() {
    control_.stop();
    tasks_.cancel();
  }

  void reload() {
    std::string why;
    auto fresh = config::load_bridge_config(config_file_, why);
    if (!fresh) {
      spdlog::error("reload refused, nothing changed: {}", why);
      return;
    }
    const auto present = shared_.options.load();
    if (fresh->listeners != present->listeners || fresh->workers != present->workers ||
        fresh->state_dir != present->state_dir)
      spdlog::warn("changes of listen, workers and state_dir need a restart");
    spdlog::set_level(spdlog::level::from_str(fresh->log_level));
    shared_.options = std::make_shared<const config::BridgeOptions>(std::move(*fresh));
    refresh_egress();
    for (auto& worker : workers_) worker->reload();
    reload_users();
    spdlog::info("reloaded");
  }

  // False when they cannot be read; then it is tried again.
  bool reload_users() {
    const bool could = users_read_;
    try {
      shared_.users.load(store_.list());
      users_read_ = true;
    } catch (const std::exception& e) {
      users_read_ = false;
      if (could) spdlog::error("cannot read the users, trying again: {}", e.what());
    }
    for (auto& worker : workers_) worker->cut_sessions();
    return users_read_;
  }

  void refresh_egress() {
    const auto options = shared_.options.load();
    if (auto now = own_addresses()) interfaces_ = std::move(*now);
    auto own = interfaces_;
    own.insert(own.end(), named_.begin(), named_.end());
    // Behind a NAT no interface has the public address.
    for (const auto& host : options->hosts)
      if (const auto address = address_literal(host)) own.push_back(*address);
    shared_.egress = std::make_shared<const EgressPolicy>(options->allow_egress, std::move(own));
  }

  void flush_usage() {
    auto usage = shared_.users.take_usage();
    for (auto& [id, bytes] : unsaved_) usage.emplace_back(id, bytes);
    unsaved_.clear();
    try {
      store_.add_usage(usage);
      disk_failed_ = false;
    } catch (const std::exception& e) {
      if (!disk_failed_) spdlog::error("cannot write what users used, trying again: {}", e.what());
      disk_failed_ = true;
      unsaved_ = std::move(usage);
    }
  }

  std::size_t open_sessions() const {
    std::size_t sum = 0;
    for (const auto& worker : workers_) sum += worker->open_sessions();
    return sum;
  }

  boost::json::object answer(const boost::json::object& request) {
    const auto* what = request.if_contains("do");
    if (what && *what == "reload-users") {
      if (reload_users()) return {{"ok", true}};
      return {{"error", "the users cannot be read"}};
    }
    if (what && *what == "status") return status();
    return {{"error", "unknown request"}};
  }

  boost::json::object status() const {
    const auto& served = shared_.served;
    const auto& accepted = shared_.accepted;
    using tunnel::FloodGuard;
    const auto flood = [&](FloodGuard::Kind kind) {
      return served.floods[static_cast<std::size_t>(kind)].load();
    };
    return {{"draining", shared_.draining.load()},
            {"users", shared_.users.accounts().size()},
            {"open_sessions", open_sessions()},
            {"connections", shared_.connections.load()},
            {"sessions", served.sessions.load()},
            {"streams", served.streams.load()},
            {"udp_flows", served.flows.load()},
            {"questions", served.questions.load()},
            {"bytes_up", served.bytes_up.load()},
            {"bytes_down", served.bytes_down.load()},
            {"strangers", accepted.strangers.load()},
            {"replays", accepted.replays.load()},
            {"stale", accepted.stale.load()},
            {"failed_handshakes", accepted.failed.load()},
            {"obfs4_strangers", shared_.obfs4_accepted.strangers.load()},
            {"obfs4_unknown_users", shared_.obfs4_accepted.unknown_users.load()},
            {"fronted_sessions", shared_.fronted.sessions.load()},
            {"fronted_gets", shared_.fronted.gets.load()},
            {"fronted_posts", shared_.fronted.posts.load()},
            {"fronted_two_way", shared_.fronted.two_way.load()},
            {"fronted_strangers", shared_.fronted.strangers.load()},
            {"fronted_lost", shared_.fronted.lost.load()},
            {"fronted_limited", shared_.fronted.limited.load()},
            {"quic_users", shared_.quic.users.load()},
            {"quic_strangers", shared_.quic.strangers.load()},
            {"quic_replays", shared_.quic.replays.load()},
            {"quic_stale", shared_.quic.stale.load()},
            {"quic_failed", shared_.quic.failed.load()},
            {"refused_proof", served.refused_proof.load()},
            {"refused_streams", served.refused_streams.load()},
            {"refused_headers", served.refused_headers.load()},
            {"cut_for_resets", flood(FloodGuard::Kind::reset)},
            {"cut_for_pings", flood(FloodGuard::Kind::ping)},
            {"cut_for_continuations", flood(FloodGuard::Kind::continuation)},
            {"cut_for_other_floods", flood(FloodGuard::Kind::settings) + flood(FloodGuard::Kind::empty_data) +
                                         flood(FloodGuard::Kind::useless)},
            {"refused_destination", served.refused_destination.load()},
            {"refused_udp_flows", served.refused_flows.load()},
            {"refused_questions", served.refused_questions.load()},
            {"refused_address", shared_.refused_address.load()},
            {"refused_sessions", shared_.refused_sessions.load()},
            {"refused_proxy_header", shared_.refused_proxy_header.load()}};
  }

  asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};  // its sockets are used by one thread
  Shared shared_;
  std::filesystem::path config_file_;
  UserStore store_;
  TaskGroup tasks_;
  asio::signal_set signals_;
  const std::optional<int> reloads_ = reload_signal();
  ControlServer control_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::pair<UserId, std::uint64_t>> unsaved_;
  bool disk_failed_ = false, users_read_ = true;
  std::vector<asio::ip::address> interfaces_, named_;  // this bridge's own addresses, as last known
};

}  // namespace

int run_server(const config::BridgeOptions& options, const std::filesystem::path& config_file) {
  spdlog::set_level(spdlog::level::from_str(options.log_level));
  const auto descriptors = prepare_process();
  std::string why;
  const auto keys = load_bridge_keys(keys_file(options.state_dir), why);
  if (!keys) {
    spdlog::error("{}; 'surang-bridge init' makes the keys", why);
    return keys.error() == boost::system::errc::permission_denied ? kPermission : kConfig;
  }
  try {
    Server server(std::make_shared<const config::BridgeOptions>(options), config_file, *keys,
                  users_file(options.state_dir), descriptors);
    return server.run();
  } catch (const std::exception& e) {
    spdlog::error("{}", e.what());
    return kUnavailable;
  }
}

}  // namespace surang::bridge
