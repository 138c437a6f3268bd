#include "client/dns/direct_names.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>

#include "client/detection/site_scope.hpp"
#include "client/dns/answer_check.hpp"
#include "client/dns/doh.hpp"
#include "client/dns/system_dns.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;
using Addresses = std::vector<asio::ip::address>;

constexpr std::size_t kMostNames = 4096;

// A cache in front of a question that is asked once for all who want it at the same time. The asking belongs
// to nobody, so a browser that leaves takes no answer from the others.
template <class T>
class Asked {
 public:
  explicit Asked(asio::any_io_executor executor) : executor_(executor), group_(executor) {}
  ~Asked() { group_.cancel(); }

  struct Entry {
    explicit Entry(asio::any_io_executor e) : ready(e, asio::steady_timer::time_point::max()) {}
    asio::steady_timer ready;
    std::optional<T> value;
    Clock::time_point expires{};
    bool failed = false;
  };

  /// `ask` gives the value and how long it holds.
  template <class Ask>
  asio::awaitable<std::optional<T>> get(std::string key, Ask ask) {
    const auto now = Clock::now();
    auto entry = entries_.contains(key) ? entries_[key] : nullptr;
    if (!entry || entry->failed || (entry->value && entry->expires <= now)) {
      if (entries_.size() >= kMostNames) entries_.clear();
      entry = std::make_shared<Entry>(executor_);
      entries_[key] = entry;
      group_.spawn(run(entry, ask(key)));
    }
    while (!entry->value && !entry->failed) {
      co_await news(entry);
    }
    co_return entry->value;
  }

  T* peek(const std::string& key) {
    const auto it = entries_.find(key);
    return it != entries_.end() && it->second->value ? &*it->second->value : nullptr;
  }
  void forget() { entries_.clear(); }
  void forget(const std::string& key) { entries_.erase(key); }

 private:
  static asio::awaitable<void> news(std::shared_ptr<Entry> entry) {
    // The timer is cancelled to wake us; a cancellation of the coroutine throws.
    error_code ignored;
    co_await entry->ready.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
  }

  static asio::awaitable<void> run(std::shared_ptr<Entry> entry,
                                   asio::awaitable<std::pair<T, std::chrono::seconds>> asking) {
    struct Wake {
      Entry& entry;
      ~Wake() {
        entry.failed = !entry.value;
        entry.ready.cancel();
      }
    } wake{*entry};
    auto [value, ttl] = co_await std::move(asking);
    entry->expires = Clock::now() + ttl;
    entry->value = std::move(value);
  }

  asio::any_io_executor executor_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  TaskGroup group_;
};

struct Engine {
  Engine(asio::any_io_executor e, const config::ClientOptions& o, Dialer* tunnel)
      : system(e, system_options(o), [this](const std::string& host) { came_late(host); }),
        doh(e, doh_options(o), o.doh.empty() ? nullptr : tls::make_client_context(o.extra_ca_file), direct,
            tunnel) {}

  static SystemDnsOptions system_options(const config::ClientOptions& o) {
    SystemDnsOptions s;
    s.late_wait = o.late_dns_wait;
    return s;
  }
  static DohOptions doh_options(const config::ClientOptions& o) {
    DohOptions d;
    d.servers = o.doh;
    return d;
  }

  void came_late(const std::string& host) {
    if (late.size() >= kMostNames) late.clear();
    late[host] = Clock::now() + 10min;
  }

  SystemResolver unused;  // providers are dialled by address
  TcpDialer direct{unused, TcpDialerOptions{}};
  std::map<std::string, Clock::time_point> late;  // hosts with a second answer, until when it counts
  std::map<std::string, Clock::time_point> trusted;
  SinkholeWatch sinkholes;
  SystemDns system;
  Doh doh;
};

asio::awaitable<std::pair<NameAnswer, std::chrono::seconds>> ask_system(std::shared_ptr<Engine> engine,
                                                                        std::string host) {
  auto reply = co_await engine->system.ask(std::move(host));
  // Short, because a verdict is about now; and a failure shorter still.
  const auto ttl = reply.answer.addresses.empty() ? 2s : std::clamp(reply.ttl, 5s, 120s);
  co_return std::pair(std::move(reply.answer), ttl);
}

asio::awaitable<std::pair<Result<Addresses>, std::chrono::seconds>> ask_encrypted(
    std::shared_ptr<Engine> engine, std::string host) {
  auto answer = co_await engine->doh.resolve(std::move(host), engine);
  if (answer)
    co_return std::pair(Result<Addresses>(std::move(answer->addresses)), std::clamp(answer->ttl, 10s, 300s));
  const auto ttl = answer.error() == Errc::name_not_found ? 10s : 1s;
  co_return std::pair(Result<Addresses>(answer.error()), std::chrono::seconds(ttl));
}

class DirectNames final : public Names {
 public:
  DirectNames(asio::any_io_executor e, const config::ClientOptions& o, Dialer* tunnel)
      : engine_(std::make_shared<Engine>(e, o, tunnel)),
        has_encrypted_(!o.doh.empty()),
        system_(e),
        encrypted_(e) {}

  asio::awaitable<NameAnswer> system(std::string host) override {
    const auto engine = engine_;
    // Named: g++ 12 destroys a temporary lambda's captures twice inside a co_await expression.
    const auto ask = [engine](std::string name) { return ask_system(engine, std::move(name)); };
    auto found = co_await system_.get(host, ask);
    NameAnswer answer;
    if (!found) {
      answer.error = make_error_code(Errc::timed_out);
      answer.doubt = Signal::dns_silence;
      co_return answer;
    }
    answer = std::move(*found);
    if (engine->sinkholes.shared(host, answer.addresses)) answer.thin = true;
    if (holds(engine->trusted, host))
      answer.doubt = Signal::none;
    else if (answer.doubt == Signal::none && late_answer(host))
      answer.doubt = Signal::dns_late_answer;
    co_return answer;
  }

  asio::awaitable<Result<Addresses>> encrypted(std::string host) override {
    const auto engine = engine_;
    const auto ask = [engine](std::string name) { return ask_encrypted(engine, std::move(name)); };
    auto found = co_await encrypted_.get(host, ask);
    if (!found) co_return make_error_code(Errc::timed_out);
    co_return *found;
  }

  asio::awaitable<Result<DnsBytes>> exchange(DnsBytes query) override {
    const auto engine = engine_;
    co_return co_await engine->doh.exchange(std::move(query), engine);
  }
  void ask_servers_of(std::function<std::vector<asio::ip::udp::endpoint>()> servers) override {
    engine_->system.ask_servers_of(std::move(servers));
  }

  bool has_encrypted() const noexcept override { return has_encrypted_; }
  bool late_answer(const std::string& host) override { return holds(engine_->late, host); }
  void trust(const std::string& host) override {
    if (engine_->trusted.size() > kMostNames) engine_->trusted.clear();
    engine_->trusted[host] = Clock::now() + 10min;
    engine_->late.erase(host);
  }
  void confirmed(const asio::ip::address& address) override { engine_->sinkholes.confirmed(address); }
  bool pinned(const std::string& host) override { return engine_->system.pinned(host); }
  void forget_name(const std::string& host) override { system_.forget(host); }
  void forget() override {
    engine_->system.forget();
    engine_->sinkholes = {};
    system_.forget();
    encrypted_.forget();
    engine_->doh.forget();
    engine_->trusted.clear();
    engine_->late.clear();
  }

 private:
  static bool holds(std::map<std::string, Clock::time_point>& times, const std::string& host) {
    const auto it = times.find(host);
    if (it == times.end()) return false;
    if (it->second > Clock::now()) return true;
    times.erase(it);
    return false;
  }

  std::shared_ptr<Engine> engine_;
  bool has_encrypted_;
  Asked<NameAnswer> system_;
  Asked<Result<Addresses>> encrypted_;
};

}  // namespace

std::unique_ptr<Names> make_direct_names(asio::any_io_executor executor, const config::ClientOptions& options,
                                         Dialer* tunnel) {
  return std::make_unique<DirectNames>(executor, options, tunnel);
}

}  // namespace surang::client
