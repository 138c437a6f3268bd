// The scripted world itself, and the one test that it is what it says.
#include "tests/unit/client/routing/scripted_world.hpp"

#include <doctest.h>

#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/support/server_hello.hpp"
#include "tests/support/tls_server.hpp"
#include "transports/tls/client_hello.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client::test {
namespace {

// Fails at the first read, as a tunnel's Stream does when the bridge reports on the destination.
class FailedStream final : public Stream {
 public:
  FailedStream(asio::any_io_executor e, error_code error, std::chrono::milliseconds after)
      : executor_(e), error_(error), after_(after) {}
  asio::any_io_executor executor() override { return executor_; }
  Result<std::size_t> try_read(asio::mutable_buffer) override { return ready_ ? error_ : Errc::would_block; }
  asio::awaitable<Result<void>> wait_readable() override {
    asio::steady_timer timer(executor_, after_);
    co_await timer.async_wait(asio::use_awaitable);
    ready_ = true;
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> write_all(asio::const_buffer) override { co_return Result<void>{}; }
  asio::awaitable<Result<void>> shutdown_write() override { co_return Result<void>{}; }
  void close(bool) noexcept override {}

 private:
  asio::any_io_executor executor_;
  error_code error_;
  std::chrono::milliseconds after_;
  bool ready_ = false;
};

}  // namespace

struct World::ScriptedNames : Names {
  explicit ScriptedNames(World& w) : world(w) {}
  World& world;
  asio::awaitable<NameAnswer> system(std::string host) override {
    if (const auto it = world.names.find(host); it != world.names.end()) co_return it->second;
    NameAnswer answer;
    answer.addresses.push_back(world.address_of(host));
    co_return answer;
  }
  asio::awaitable<Result<std::vector<asio::ip::address>>> encrypted(std::string host) override {
    world.encrypted_asked.insert(host);
    co_await world.pause(world.round_trip * 3);
    if (const auto it = world.encrypted.find(host); it != world.encrypted.end()) co_return it->second;
    co_return make_error_code(Errc::no_route);
  }
  bool has_encrypted() const noexcept override { return world.with_encrypted; }
  void trust(const std::string& host) override { world.trusted.insert(host); }
  bool pinned(const std::string& host) override { return world.pinned.contains(host); }
  void forget_name(const std::string& host) override { world.names_forgotten.insert(host); }
  void forget() override { ++world.forgotten; }
};

struct World::ScriptedConnector : Connector {
  explicit ScriptedConnector(World& w) : world(w) {}
  World& world;
  asio::awaitable<Result<StreamPtr>> connect(std::vector<asio::ip::address> addresses, std::uint16_t port,
                                             std::vector<ConnectAttempt>* attempts) override {
    std::string host = addresses.front().to_string();
    for (const auto& [name, address] : world.addresses_)
      if (address == addresses.front()) host = name;
    ++world.direct_dials[host];
    auto shows = world.direct.contains(host) ? world.direct[host] : Shows::site;
    if (const auto it = world.at_address.find(addresses.front().to_string()); it != world.at_address.end())
      shows = it->second;
    error_code error;
    auto& lost = world.lost_connects[host];
    const bool vanishes = shows == Shows::syn_silence || world.away || lost > 0;
    lost = std::max(0, lost - 1);
    if (vanishes) {
      co_await world.pause(10s);
      error = make_error_code(Errc::timed_out);
    } else {
      co_await world.pause(world.round_trip);
      if (shows == Shows::refused || shows == Shows::down) error = asio::error::connection_refused;
      if (shows == Shows::icmp) error = asio::error::host_unreachable;
    }
    if (attempts) attempts->push_back({{addresses.front(), port}, error, world.round_trip});
    if (error) co_return error;
    co_return world.open(shows, host);
  }
};

asio::awaitable<Result<StreamPtr>> World::ScriptedTunnel::dial(Endpoint to) {
  ++world_.tunnel_dials[to.host()];
  while (world_.away) co_await world_.pause(5ms);
  auto stream = dialled(to.host());
  if (!stream) co_return make_error_code(Errc::no_route);
  co_return std::move(stream);
}

StreamPtr World::ScriptedTunnel::dial_at_once(const Endpoint& to) {
  if (world_.away) return nullptr;
  auto stream = dialled(to.host());
  if (stream) ++world_.tunnel_dials[to.host()];
  return stream;
}

StreamPtr World::ScriptedTunnel::dialled(const std::string& host) {
  const auto shows = world_.tunnel.contains(host) ? world_.tunnel[host] : Shows::site;
  if (shows == Shows::dead) return nullptr;
  if (world_.lost_sessions > 0) {
    --world_.lost_sessions;
    return std::make_unique<FailedStream>(world_.executor_, Errc::closed, world_.round_trip);
  }
  if (shows == Shows::down)
    return std::make_unique<FailedStream>(world_.executor_, Errc::destination_refused, 2 * world_.round_trip);
  return world_.open(shows, host);
}

asio::awaitable<Result<tunnel::ReachAnswer>> World::ScriptedControl::reach(Endpoint to) {
  ++world_.questions[to.host()];
  co_await world_.pause(2 * world_.round_trip);
  if (world_.away) co_return make_error_code(Errc::timed_out);
  const auto said = world_.control.find(to.host());
  if (said == world_.control.end()) co_return make_error_code(Errc::protocol);
  co_return said->second;
}

tunnel::ReachAnswer reached_at(const std::string& address) {
  tunnel::ReachAnswer answer;
  answer.name = tunnel::ReachAnswer::Name::found;
  answer.addresses = {asio::ip::make_address(address)};
  answer.attempts.push_back({answer.addresses.front(), tunnel::Reached::done, 12});
  answer.tls.emplace();
  answer.tls->result = tunnel::Reached::done;
  answer.tls->verified = true;
  answer.tls->leaf.fill(1);
  answer.tls->key.fill(2);
  return answer;
}

tunnel::ReachAnswer refused_at(const std::string& address) {
  auto answer = reached_at(address);
  answer.attempts.front().result = tunnel::Reached::refused;
  answer.tls.reset();
  return answer;
}

asio::awaitable<void> World::pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(executor_, time);
  co_await timer.async_wait(asio::use_awaitable);
}

StreamPtr World::open(Shows shows, const std::string& host) {
  auto [near, far] = surang::test::memory_stream_pair(executor_);
  if (shows == Shows::impostor) {
    tasks_.spawn(impostor(std::move(far), host));
    return std::move(near);
  }
  tasks_.spawn(play(std::shared_ptr<Stream>(std::move(far)), shows, host));
  return std::move(near);
}

asio::awaitable<void> World::impostor(StreamPtr site, std::string host) {
  const auto server = surang::test::make_tls_server(host);
  tls::SslPtr ssl(SSL_new(server.context.get()), SSL_free);
  SSL_set_accept_state(ssl.get());
  auto stream = tls::TlsStream::make(std::move(site), std::move(ssl));
  (void)co_await stream->handshake();
}

asio::awaitable<void> World::play(std::shared_ptr<Stream> site, Shows shows, std::string host) {
  struct Connected {
    int& count;
    explicit Connected(int& c) : count(c) { ++count; }
    ~Connected() { --count; }
  } const counted(connected[host]);
  while (shows == Shows::deaf) co_await pause(5ms);
  std::vector<std::uint8_t> flight(16 * 1024);
  const auto n = co_await site->read_some(asio::buffer(flight));
  if (!n || *n == 0) co_return;
  std::size_t had = *n;
  const auto hello_state = [&] {
    tls::ClientHello hello;
    return tls::parse_client_hello(std::span(flight).first(had), hello);
  };
  bool split = false;
  while (hello_state() == tls::HelloState::need_more) {
    const auto more = co_await site->read_some(asio::buffer(flight) + had);
    if (!more || *more == 0) co_return;
    had += *more;
    split = true;
  }
  flight.resize(had);
  const bool cut = flight[0] == 22 && flight.size() > 8 &&
                   (flight[3] << 8 | flight[4]) < (flight[6] << 16 | flight[7] << 8 | flight[8]) + 4;
  cut_hellos[host] += cut;
  split_hellos[host] += split;
  if ((shows == Shows::by_record && !cut) || (shows == Shows::by_segment && (cut || !split))) {
    co_await pause(round_trip);
    co_return site->close(true);
  }
  const std::string text(flight.begin(), flight.end());
  const bool http = text.starts_with("GET") || text.starts_with("HEAD") || text.starts_with("POST");
  if (http) ++posts[text.substr(0, text.find(' ')) + " " + host];
  co_await pause(round_trip);
  if (shows == Shows::slow || (shows == Shows::busy && text.starts_with("GET"))) co_await pause(slow_by);
  if (shows == Shows::reset) co_return site->close(true);
  if (shows == Shows::fin) co_return site->close(false);
  std::vector<std::uint8_t> answer;
  const auto say = [&](std::string_view words) { answer.assign(words.begin(), words.end()); };
  if (shows == Shows::alert) {
    answer = {21, 3, 3, 0, 2, 2, 40};
  } else if (shows == Shows::rubbish) {
    say("* OK welcome\r\n");
  } else if (shows == Shows::block_page) {
    say("HTTP/1.1 302 Found\r\nLocation: http://blocked.isp.example/\r\nContent-Length: 0\r\n\r\n");
  } else if (shows == Shows::elsewhere) {
    say("HTTP/1.1 301 Moved\r\nLocation: https://new.example.org/\r\nContent-Length: 0\r\n\r\n");
  } else if (shows == Shows::same_page || shows == Shows::open_page || shows == Shows::own_page) {
    const bool own = shows == Shows::own_page, open = shows == Shows::open_page;
    const auto page = own ? "<title>Shop of " + host + "</title>" + std::to_string(++pages_) + '\n'
                          : std::string("<title>Sorry</title><p>This cannot be shown.</p>");
    const auto length = open ? std::string() : "Content-Length: " + std::to_string(page.size()) + "\r\n";
    say("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + length + "\r\n" + page);
    if (open) {
      (void)co_await site->write_all(asio::buffer(answer));
      co_return site->close(false);
    }
  } else if (http && shows == Shows::nothing) {
    say("HTTP/1.1 204 No Content\r\n\r\n");
  } else if (http) {
    say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  } else {
    tls::ClientHello hello;
    if (tls::parse_client_hello(flight, hello) == tls::HelloState::complete)
      answer = surang::test::server_hello(hello.session_id);
  }
  if (shows != Shows::silent) (void)co_await site->write_all(asio::buffer(answer));
  // Stays open until the other end goes.
  std::array<std::uint8_t, 512> rest;
  for (;;) {
    const auto more = co_await site->read_some(asio::buffer(rest));
    if (!more || *more == 0) break;
  }
}

asio::ip::address World::address_of(const std::string& host) {
  if (!addresses_.contains(host)) {
    const auto last = static_cast<std::uint32_t>(addresses_.size() + 1);
    addresses_[host] = asio::ip::make_address_v4(0x5DB80100U + last);
  }
  return addresses_[host];
}

RouterParts World::parts() {
  RouterParts p;
  p.names = std::make_unique<ScriptedNames>(*this);
  p.connector = std::make_unique<ScriptedConnector>(*this);
  p.control = &control_;
  p.network = [this] { return &(identity_ = {network, link, {}, sleeps}); };
  p.on_network_news = [this](std::function<void()> call) { network_news = std::move(call); };
  p.heard = [this](const Stream&) { return heard; };
  p.is_local = [](const Endpoint& to) { return to.host() == "localhost" || to.host().starts_with("10."); };
  return p;
}

asio::awaitable<void> World::close() {
  tasks_.cancel();
  co_await tasks_.join();
}

FirstFlight http_flight(const std::string& method, const std::string& host) {
  FirstFlight flight;
  flight.kind = FirstFlight::Kind::http;
  flight.host = host;
  flight.method = method;
  flight.replayable = method != "POST";
  const auto text = method + " / HTTP/1.1\r\nHost: " + host + "\r\n" +
                    (method == "POST" ? "Content-Length: 2\r\n\r\nhi" : "\r\n");
  flight.bytes.assign(text.begin(), text.end());
  return flight;
}

config::ClientOptions quick_options() {
  config::ClientOptions options;
  options.hedge_delay = 60ms;
  options.handshake_silence = 150ms;
  options.total_budget = 3s;
  options.first_expiry = 60s;
  options.background_probes = false;
  options.evasion = false;
  return options;
}

asio::awaitable<Visit> visit(Router& router, std::string host, FirstFlight flight, std::uint16_t port,
                             std::shared_ptr<HeadStart> begun_before) {
  const auto begun = Clock::now();
  const Endpoint to(host, port);
  auto opened = co_await router.open(to, std::move(flight), std::move(begun_before));
  Visit v;
  v.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
  if (opened) {
    v.way = opened->way;
    v.watch = std::move(opened->watch);
    v.stream = std::move(opened->stream);
  } else {
    v.error = opened.error();
  }
  co_return v;
}

asio::awaitable<Visit> visit(Router& router, std::string host) {
  auto flight = tls_probe_flight(host);
  return visit(router, std::move(host), std::move(flight));
}

asio::awaitable<void> rest(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<bool> until(std::function<bool()> condition, std::chrono::seconds limit) {
  const auto end = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() > end) co_return false;
    co_await rest(5ms);
  }
  co_return true;
}

void with_router(std::function<asio::awaitable<void>(World&, Router&)> scenario,
                 config::ClientOptions options, bool tunnel, bool encrypted) {
  const auto make = [&](asio::io_context& io) -> asio::awaitable<void> {
    World world(io.get_executor());
    world.with_encrypted = encrypted;
    VerdictStore store({});
    Router router(io.get_executor(), options, tunnel ? &world.tunnel_dialer() : nullptr, store,
                  world.parts());
    co_await scenario(world, router);
    co_await router.stop();
    co_await world.close();
  };
  surang::test::run(make, 120s);
}

TEST_CASE("the scripted world answers a hello as a site does") {
  const auto flight = tls_probe_flight("a.example");
  const auto question = question_of(flight);
  CHECK(!question.session_id.empty());
  const auto good = surang::test::server_hello(question.session_id);
  CHECK(judge_first_answer(question, good, false).state == FirstAnswer::State::valid);
  for (std::size_t n = 0; n < good.size(); ++n)
    CHECK(judge_first_answer(question, std::span(good).first(n), false).state ==
          FirstAnswer::State::need_more);
  auto other = good;
  other[50] ^= 1;  // within the echoed session id
  CHECK(judge_first_answer(question, other, false).state == FirstAnswer::State::invalid);
}

}  // namespace surang::client::test
