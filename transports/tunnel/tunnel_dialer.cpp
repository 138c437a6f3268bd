#include "transports/tunnel/tunnel_dialer.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::tunnel {
namespace {

constexpr std::chrono::seconds kAskLimit{5};  // a bridge takes 4 s at most

// What outlives the dialer until its coroutines have unwound.
struct State {
  State(asio::any_io_executor e, SessionDialer& d, const TunnelDialerOptions& o)
      : executor(std::move(e)), dialer(d), options(o) {}

  asio::any_io_executor executor;
  SessionDialer& dialer;
  const TunnelDialerOptions options;

  struct Numbered {
    SessionNumber number;
    Session* session;
  };
  std::vector<Numbered> sessions;  // owned by the coroutines that run them
  Session* current = nullptr;
  bool connecting = false;
  bool closed = false;
  std::uint64_t attempts = 0;  // settled ones
  error_code attempt_error;    // of the last attempt; none when it gave a session
  Wakeup settled;
  std::atomic<std::uint64_t> bytes_up{0}, bytes_down{0};
  std::uint64_t session_count = 0, failures = 0;
  error_code last_error;
  bool asking = false;
  Wakeup asked;  // the next question may go out

  Session* ready() const { return !closed && current && current->usable() ? current : nullptr; }
  Session* numbered(SessionNumber number) const {
    for (const auto& entry : sessions)
      if (entry.number == number) return entry.session;
    return nullptr;
  }
};

// Keeps the list of sessions true even when the coroutine is destroyed.
struct Listed {
  State& state;
  Session& session;
  Listed(State& st, Session& se) : state(st), session(se) {
    state.sessions.push_back({++state.session_count, &session});
    if (auto* before = std::exchange(state.current, &session)) before->drain();
  }
  ~Listed() {
    std::erase_if(state.sessions, [&](const auto& entry) { return entry.session == &session; });
    if (state.current == &session) state.current = nullptr;
  }
};

// The attempt after so many settled ones.
struct Connecting {
  State& state;
  const std::uint64_t number;
  ~Connecting() { settle(make_error_code(Errc::closed)); }
  bool given_up() const { return number != state.attempts; }
  void settle(error_code outcome) {
    if (given_up()) return;
    state.connecting = false;
    state.attempt_error = outcome;
    ++state.attempts;
    state.settled.notify();
  }
};

void give_up_attempt(State& state) {
  if (state.connecting) Connecting{state, state.attempts}.settle(make_error_code(Errc::closed));
}

asio::awaitable<void> run_session(std::shared_ptr<State> state, std::uint64_t attempt) {
  Connecting connecting{*state, attempt};
  SessionOptions options;
  options.connect_limit = state->options.connect_limit;
  options.dead_peer_limit = state->options.dead_peer_limit;
  options.idle_limit = state->options.idle_session_limit;
  options.sent = &state->bytes_up;
  options.received = &state->bytes_down;
  auto connected = co_await with_timeout(options.connect_limit, state->dialer.connect(options));
  if (connecting.given_up()) co_return;
  if (!connected) {
    ++state->failures;
    state->last_error = connected.error();
    // Whatever went wrong on the way, for the caller there is no bridge; last_error says more.
    connecting.settle(connected.error() == Errc::timed_out ? connected.error()
                                                           : make_error_code(Errc::no_route));
    co_return;
  }
  const auto session = std::move(*connected);
  const Listed listed(*state, *session);
  connecting.settle({});
  const error_code ended = co_await session->run();
  if (ended) {
    ++state->failures;
    state->last_error = ended;
  }
}

// One question to the session that is up when its turn comes.
asio::awaitable<Result<ReachAnswer>> ask(std::shared_ptr<State> s, Endpoint to) {
  while (s->asking) co_await s->asked.wait(s->executor);
  struct Turn {
    State& state;
    explicit Turn(State& st) : state(st) { state.asking = true; }
    ~Turn() {
      state.asking = false;
      state.asked.notify();
    }
  } const turn(*s);
  auto* const session = s->ready();
  if (!session) co_return make_error_code(Errc::no_route);
  const auto stream = session->question(to);
  struct HangUp {  // the bridge need not go on when nobody waits any more
    Stream& stream;
    ~HangUp() { stream.close(true); }
  } const hang_up{*stream};
  std::string text;
  std::array<char, 4096> block;
  for (;;) {
    const auto n = co_await stream->read_some(asio::buffer(block));
    if (!n) co_return n.error();
    if (*n == 0) break;
    text.append(block.data(), *n);
    if (text.size() > kMostReachText) co_return make_error_code(Errc::protocol);
  }
  co_return parse_reach_answer(text);
}

}  // namespace

struct TunnelDialer::Impl {
  Impl(asio::any_io_executor executor, SessionDialer& sessions, const TunnelDialerOptions& options)
      : state(std::make_shared<State>(executor, sessions, options)), tasks(std::move(executor)) {}

  // A session that takes streams, made when there is none; concurrent callers share one attempt.
  asio::awaitable<Result<Session*>> session() {
    const auto s = state;
    for (;;) {
      if (s->closed) co_return make_error_code(Errc::closed);
      if (auto* session = s->ready()) co_return session;
      s->current = nullptr;
      if (!s->connecting) {
        s->connecting = true;
        tasks.spawn(run_session(s, s->attempts));
      }
      const auto attempt = s->attempts;
      while (s->attempts == attempt) co_await s->settled.wait(s->executor);
      if (s->attempts == attempt + 1 && s->attempt_error) co_return s->attempt_error;
    }
  }

  std::shared_ptr<State> state;
  TaskGroup tasks;
};

TunnelDialer::TunnelDialer(asio::any_io_executor executor, SessionDialer& sessions,
                           TunnelDialerOptions options)
    : impl_(std::make_unique<Impl>(std::move(executor), sessions, options)) {}

TunnelDialer::~TunnelDialer() {
  impl_->state->closed = true;
}

StreamPtr TunnelDialer::dial_at_once(const Endpoint& to) {
  auto* session = impl_->state->ready();
  return session ? session->connect(to) : nullptr;
}

asio::awaitable<Result<StreamPtr>> TunnelDialer::dial(Endpoint to) {
  const auto session = co_await impl_->session();
  if (!session) co_return session.error();
  co_return (*session)->connect(to);
}

asio::awaitable<Result<DatagramFlowPtr>> TunnelDialer::open() {
  const auto s = impl_->state;
  auto session = co_await impl_->session();
  if (!session) co_return session.error();
  for (;;) {
    auto flow = (*session)->open_flow();
    if (flow || flow.error() != Errc::would_block) co_return flow;
    (*session)->introduce();
    const auto pong = co_await with_timeout(s->options.connect_limit, (*session)->ping());
    if (!pong) co_return pong.error();
    if (!s->ready()) co_return make_error_code(Errc::no_route);
    session = s->ready();  // the one that answered may have ended by now
  }
}

asio::awaitable<Result<std::chrono::microseconds>> TunnelDialer::check(std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  const auto got = co_await with_timeout(limit, impl_->session());
  if (!got) co_return got.error();
  (*got)->introduce();
  const auto left = deadline - std::chrono::steady_clock::now();
  co_return co_await with_timeout(left, (*got)->ping());
}

asio::awaitable<Result<ReachAnswer>> TunnelDialer::reach(Endpoint to) {
  const auto s = impl_->state;
  if (!s->ready()) co_return make_error_code(Errc::no_route);
  co_return co_await with_timeout(kAskLimit, ask(s, std::move(to)));
}

asio::awaitable<Result<std::chrono::microseconds>> TunnelDialer::ping(SessionNumber number,
                                                                      std::chrono::milliseconds limit) {
  auto* const session = impl_->state->numbered(number);
  if (!session) co_return make_error_code(Errc::no_route);
  co_return co_await with_timeout(limit, session->ping());
}

std::optional<TcpInfo> TunnelDialer::carrier(SessionNumber number) const {
  const auto* session = impl_->state->numbered(number);
  return session ? session->carrier() : std::nullopt;
}

TunnelStatus TunnelDialer::status() const {
  const State& s = *impl_->state;
  TunnelStatus status;
  for (const auto& entry : s.sessions) {
    status.open_streams += entry.session->streams();
    if (entry.session == s.current) status.session = entry.number;
  }
  if (s.current) {
    status.live = s.current->heard() && s.current->usable();
    status.rtt = s.current->rtt();
  }
  status.bytes_up = s.bytes_up;
  status.bytes_down = s.bytes_down;
  status.sessions = s.session_count;
  status.failures = s.failures;
  status.last_error = s.last_error;
  return status;
}

void TunnelDialer::retire() {
  if (auto* session = std::exchange(impl_->state->current, nullptr)) session->drain();
}

void TunnelDialer::doubt() {
  impl_->state->current = nullptr;
}

void TunnelDialer::trust(SessionNumber number) {
  auto& s = *impl_->state;
  auto* const session = s.numbered(number);
  if (!session || session == s.current) return;
  if (s.current)
    session->drain();
  else
    s.current = session;
}

void TunnelDialer::give_up() {
  retire();
  give_up_attempt(*impl_->state);
}

bool TunnelDialer::start_afresh() {
  auto& s = *impl_->state;
  bool goes_on = false;
  for (const auto& entry : s.sessions) {  // those that only end have streams, too
    const bool follows = entry.session->follow();
    if (entry.session == s.current) goes_on = follows;
  }
  if (!goes_on) retire();
  give_up_attempt(s);
  return goes_on;
}

void TunnelDialer::retire(SessionNumber number) {
  auto& s = *impl_->state;
  auto* const session = s.numbered(number);
  if (!session) return;
  if (session == s.current) s.current = nullptr;
  session->drain();
}

std::chrono::steady_clock::time_point TunnelDialer::heard() const noexcept {
  const auto* session = impl_->state->current;
  return session ? session->last_heard() : std::chrono::steady_clock::time_point{};
}

std::chrono::steady_clock::time_point TunnelDialer::heard(SessionNumber number) const noexcept {
  const auto* session = impl_->state->numbered(number);
  return session ? session->last_heard() : std::chrono::steady_clock::time_point{};
}

void TunnelDialer::abandon(SessionNumber number) {
  auto& s = *impl_->state;
  auto* const session = s.numbered(number);
  if (!session) return;
  if (session == s.current) s.current = nullptr;
  session->abandon();
}

asio::awaitable<void> TunnelDialer::close() {
  impl_->state->closed = true;
  impl_->tasks.cancel();
  co_await impl_->tasks.join();
}

}  // namespace surang::tunnel
