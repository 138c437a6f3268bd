// A bridge_pool over real tunnels in memory, whose far ends can be refused, silent, killed and brought back,
// and whose lines can be cut or held up in the middle.
#pragma once

#include "client/bridges/bridge_pool.hpp"
#include "tests/support/echo_flows.hpp"
#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tunnel_rig.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tunnel/h2_dialer.hpp"
#include "transports/tunnel/tunnel_acceptor.hpp"

namespace surang::client::pool_test {

using namespace std::chrono_literals;

// Says hello, to "asked" when it has been spoken to, from "slow" after three seconds, from "quiet" never;
// "drip" says a little, again and again.
inline asio::awaitable<void> greet(StreamPtr stream, std::string host, std::string& heard) {
  if (host == "quiet.test") co_await test::sleep_for(1000h);
  while (host == "drip.test") {
    const auto said = co_await stream->write_all(asio::buffer(".", 1));
    if (!said) co_return;
    co_await test::sleep_for(200ms);
  }
  if (host == "slow.test") co_await test::sleep_for(3s);
  if (host == "asked.test") {
    std::array<char, 256> said;
    const auto n = co_await stream->read_some(asio::buffer(said));
    if (n) heard.append(said.data(), *n);
  }
  const std::string hello = "hello";
  (void)co_await stream->write_all(asio::buffer(hello));
  (void)co_await stream->shutdown_write();
  co_await test::sleep_for(1h);
}

class Greeter : public Dialer {
 public:
  explicit Greeter(TaskGroup& tasks) : tasks_(tasks) {}
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    ++dials;
    auto [near, far] = test::memory_stream_pair(co_await asio::this_coro::executor);
    tasks_.spawn(greet(std::move(far), to.host(), heard));
    co_return std::move(near);
  }

  int dials = 0;
  std::string heard;  // by "asked", all of them

 private:
  TaskGroup& tasks_;
};

// The way to a far end: what goes by it in either direction passes, waits, or is lost.
struct Line {
  enum class State { open, held, lost } state = State::open;
  void set(State now) {
    state = now;
    changed.notify();
  }
  Wakeup changed;
  std::chrono::milliseconds round_trip{0};  // of what is written from now on
};

class LineStream final : public Stream {
 public:
  LineStream(StreamPtr inner, Line& line, TaskGroup& tasks)
      : inner_(std::move(inner)), line_(line), tasks_(tasks) {}
  ~LineStream() override { *gone_ = true; }
  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (open() || closed_) return inner_->try_read(into);
    return make_error_code(Errc::would_block);
  }
  asio::awaitable<Result<void>> wait_readable() override {
    for (;;) {
      while (!open() && !closed_) co_await line_.changed.wait(executor());
      const auto ready = co_await inner_->wait_readable();
      if (!ready || open() || closed_) co_return ready;
    }
  }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    while (line_.state == Line::State::held && !closed_) co_await line_.changed.wait(executor());
    lost_ = lost_ || line_.state == Line::State::lost;  // what follows a gap is lost, too
    if (lost_) co_return Result<void>{};
    if (line_.round_trip == 0ms) co_return co_await inner_->write_all(from);
    const auto* bytes = static_cast<const std::uint8_t*>(from.data());
    tasks_.spawn(arrive(inner_.get(), {bytes, bytes + from.size()}, line_, gone_));
    co_return Result<void>{};
  }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  void close(bool abort) noexcept override {
    closed_ = true;
    line_.changed.notify();
    if (line_.state == Line::State::open) inner_->close(abort);
  }

 private:
  // The whole round trip is on the way there.
  static asio::awaitable<void> arrive(Stream* inner, std::vector<std::uint8_t> bytes, Line& line,
                                      std::shared_ptr<bool> gone) {
    co_await test::sleep_for(line.round_trip);
    if (!*gone && line.state != Line::State::lost) (void)co_await inner->write_all(asio::buffer(bytes));
  }

  bool open() const { return line_.state == Line::State::open && !lost_; }
  StreamPtr inner_;
  Line& line_;
  TaskGroup& tasks_;
  const std::shared_ptr<bool> gone_ = std::make_shared<bool>(false);
  bool closed_ = false, lost_ = false;
};

enum class Mood { up, refuses, silent, mute };

struct FarEnd {
  explicit FarEnd(asio::any_io_executor e) : executor(e), sessions(e), greeter(sessions) {}
  asio::any_io_executor executor;
  TaskGroup sessions;
  Greeter greeter;
  Mood mood = Mood::up;
  int connects = 0;
  bool swallow = false;  // what the client says is lost
  Line line;
  std::chrono::milliseconds takes{0};  // to connect
  std::size_t first_write = 0;
  std::vector<StreamPtr> unheard;
  tunnel::Control* control = nullptr;
  test::Echoes echoes{executor};
  tunnel::ServeLimits limits;
  tunnel::ServeCounters counters;
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<bool> drain{false};
};

inline asio::awaitable<void> serve(FarEnd& far, Authenticated peer) {
  (void)co_await tunnel::serve(std::move(peer), UserKey{}, far.greeter, far.limits, far.counters, far.bytes,
                               far.drain, far.control, &far.echoes);
}

class Transport : public TransportDialer {
 public:
  Transport(std::string name, FarEnd& far) : name_(std::move(name)), far_(far) {}
  std::string_view name() const noexcept override { return name_; }
  bool resumes() const noexcept override { return name_ == "fronted"; }
  asio::awaitable<Result<Authenticated>> connect() override {
    ++far_.connects;
    const bool cut = far_.line.state == Line::State::lost;
    if (far_.mood == Mood::silent || cut) co_await test::sleep_for(1h);
    while (far_.line.state == Line::State::held) co_await far_.line.changed.wait(far_.executor);
    if (far_.takes > 0ms) co_await test::sleep_for(far_.takes);
    if (far_.line.round_trip > 0ms) co_await test::sleep_for(far_.line.round_trip);
    if (far_.mood == Mood::refuses) co_return error_code(asio::error::connection_refused);
    auto [near, far] = test::memory_stream_pair(far_.executor);
    Authenticated theirs, ours;
    theirs.stream = std::move(far);
    near = std::make_unique<LineStream>(std::move(near), far_.line, far_.sessions);
    ours.stream = test::watched_stream(std::move(near), far_.first_write, far_.swallow);
    if (far_.mood == Mood::mute)
      far_.unheard.push_back(std::move(theirs.stream));
    else
      far_.sessions.spawn(serve(far_, std::move(theirs)));
    co_return std::move(ours);
  }

 private:
  std::string name_;
  FarEnd& far_;
};

inline config::ShareLink share_link(std::string name, std::vector<std::string> transports) {
  config::ShareLink out;
  out.name = std::move(name);
  out.bridge.hosts = {"bridge.test"};
  for (auto& t : transports) {
    TransportSpec spec;
    spec.name = t;
    out.transports.push_back(spec);
  }
  return out;
}

struct World {
  explicit World(asio::any_io_executor e, std::chrono::seconds trust = 15s) : World(e, options(trust)) {}
  World(asio::any_io_executor e, BridgePoolOptions options)
      : a(e), b(e), pool(e, factory(), std::move(options)) {}

  BridgePool::Factory factory() {
    return [this](const TransportSpec& spec, const BridgeIdentity& bridge,
                  std::string& why) -> Result<std::unique_ptr<tunnel::SessionDialer>> {
      why = "unknown";
      if (spec.name != "a" && spec.name != "b" && spec.name != "fronted")
        return make_error_code(Errc::bad_input);
      return tunnel::make_h2_dialer(std::make_unique<Transport>(spec.name, spec.name == "b" ? b : a),
                                    bridge.user);
    };
  }
  static BridgePoolOptions options(std::chrono::seconds trust) {
    BridgePoolOptions o;
    o.trust = trust;
    o.stagger = 50ms;
    o.answer_limit = 500ms;
    o.retry_pause = 200ms;
    o.patience = 300ms;
    return o;
  }
  // What a destination says through the pool, or the error.
  asio::awaitable<std::string> fetch(std::string host = "site.test", std::string say = {}) {
    const Endpoint to(host, 443);
    auto stream = co_await pool.dial(to);
    if (!stream) co_return stream.error().message();
    if (!say.empty()) {
      const auto said = co_await (*stream)->write_all(asio::buffer(say));
      if (!said) co_return said.error().message();
    }
    std::string got(5, '\0');
    const auto ok = co_await (*stream)->read_exactly(asio::buffer(got));
    co_return ok ? got : ok.error().message();
  }
  asio::awaitable<void> end() {
    co_await pool.stop();
    for (auto* far : {&a, &b}) {
      far->sessions.cancel();
      co_await far->sessions.join();
    }
  }
  std::string preferred() const {
    for (const auto& lane : pool.status())
      if (lane.preferred) return lane.name;
    return "";
  }

  FarEnd a, b;
  BridgePool pool;
};

}  // namespace surang::client::pool_test
