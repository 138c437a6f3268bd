#include "transports/https/https_acceptor.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <optional>
#include <vector>

#include "transports/core/buffer.hpp"
#include "transports/core/relay.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tls/client_hello.hpp"
#include "transports/tls/ticket.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::https {
namespace {

using Bytes = std::vector<std::uint8_t>;
using namespace std::chrono_literals;

// A user's hello comes right behind the connection. Who is silent for so long gets the cover site's own
// patience; it is far below what the way to the cover site adds anyhow.
constexpr auto kFirstBytes = 50ms;
// For a handshake whose hello has been found good.
constexpr auto kHandshake = 10s;
// For a peer and a cover site that are both silent.
constexpr auto kUndecided = 3600s;

enum class Verdict { undecided, stranger, user };
enum class Spoke { peer, cover, nobody };

// Everything known of one connection before it is somebody's.
struct Arrival {
  StreamPtr raw;
  Bytes seen;            // all that was read from it
  StreamPtr cover;       // once there is a reason
  std::size_t told = 0;  // how much of `seen` the cover site has been told
  std::optional<tls::OpenedTicket> ticket;
};

// A place among those who are with the cover site.
class Covered {
 public:
  Covered(std::atomic<std::size_t>& count, std::size_t most) : count_(count), there_(++count <= most) {}
  ~Covered() { --count_; }
  Covered(const Covered&) = delete;
  Covered& operator=(const Covered&) = delete;
  explicit operator bool() const noexcept { return there_; }

 private:
  std::atomic<std::size_t>& count_;
  const bool there_;
};

// A dial to the cover site that goes on while the peer is listened to.
struct CoverDial {
  explicit CoverDial(const asio::any_io_executor& e) : ended(e, asio::steady_timer::time_point::max()) {}
  std::optional<Result<StreamPtr>> outcome;
  asio::steady_timer ended;  // cancelled then
};

asio::awaitable<void> dial_cover(Dialer& dialer, Endpoint to, std::shared_ptr<CoverDial> dial) {
  dial->outcome = co_await dialer.dial(std::move(to));
  dial->ended.cancel();
}

asio::awaitable<Result<Spoke>> first_to_speak(Stream& peer, Stream& cover) {
  const auto executor = co_await asio::this_coro::executor;
  auto [order, peer_failure, peer_result, cover_failure, cover_result] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, peer.wait_readable(), asio::deferred),
          asio::co_spawn(executor, cover.wait_readable(), asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  co_return order[0] == 0 ? Spoke::peer : Spoke::cover;
}

class HttpsAcceptor final : public TransportAcceptor {
 public:
  HttpsAcceptor(AcceptorOptions options, const UserDirectory& users, ReplaySet& replays, Dialer& cover_dialer,
                AcceptorCounters& counters)
      : options_(std::move(options)),
        users_(users),
        replays_(replays),
        cover_dialer_(cover_dialer),
        counters_(counters),
        context_(tls::make_ticket_context()) {}

  std::string_view name() const noexcept override { return "https"; }

  asio::awaitable<Result<Authenticated>> accept(StreamPtr raw, std::function<void()> left_alone) override {
    Arrival arrival;
    arrival.raw = std::move(raw);
    auto verdict = co_await read_first(arrival);
    if (verdict.has_error()) co_return verdict.error();
    if (*verdict == Verdict::user) co_return co_await serve(arrival);
    if (left_alone) left_alone();
    co_return co_await cover(arrival, *verdict);
  }

  asio::awaitable<void> turn_away(StreamPtr raw) override {
    Arrival arrival;
    arrival.raw = std::move(raw);
    (void)co_await cover(arrival, Verdict::stranger);
  }

 private:
  // What one look at the peer gives. A peer that resets has nothing more to be shown.
  Result<Verdict> look(Arrival& arrival) {
    ScratchBuffer scratch;
    const auto n = arrival.raw->try_read(scratch.all());
    if (n.has_error()) {
      if (n.error() == Errc::would_block) return Verdict::undecided;
      return n.error();
    }
    if (*n == 0) return Verdict::stranger;
    arrival.seen.insert(arrival.seen.end(), scratch.data(), scratch.data() + *n);
    return judge(arrival);
  }

  Verdict judge(Arrival& arrival) {
    tls::ClientHello hello;
    switch (tls::parse_client_hello(arrival.seen, hello)) {
      case tls::HelloState::need_more:
        return Verdict::undecided;
      case tls::HelloState::not_tls:
        return Verdict::stranger;
      case tls::HelloState::complete:
        break;
    }
    if (!hello.ends_record || hello.psk_identities.size() != 1) return Verdict::stranger;
    auto ticket = tls::open_ticket(hello.psk_identities[0].identity, options_.public_key, users_);
    if (!ticket) return Verdict::stranger;
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
            .count();
    const auto skew = static_cast<std::int64_t>(options_.clock_skew.count());
    if (ticket->time > now + skew || ticket->time < now - skew) {
      ++counters_.stale;
      return Verdict::stranger;
    }
    // The binder first: a ticket is used up only by who knows its key.
    if (!tls::binder_holds(hello, ticket->psk)) return Verdict::stranger;
    if (!replays_.insert(ticket->key_name, ticket->time, now)) {
      ++counters_.replays;
      return Verdict::stranger;
    }
    arrival.ticket = *ticket;
    return Verdict::user;
  }

  // The first bytes, or a short silence.
  asio::awaitable<Result<Verdict>> read_first(Arrival& arrival) {
    auto verdict = look(arrival);
    if (verdict.has_error() || *verdict != Verdict::undecided || !arrival.seen.empty()) co_return verdict;
    const auto spoken = co_await with_timeout(kFirstBytes, arrival.raw->wait_readable());
    if (spoken.has_error()) {
      if (spoken.error() == Errc::timed_out) co_return Verdict::undecided;
      co_return spoken.error();
    }
    co_return look(arrival);
  }

  asio::awaitable<Result<Authenticated>> serve(Arrival& arrival) {
    const auto& ticket = *arrival.ticket;
    tls::TlsTuning tuning;
    tuning.vary_records = true;
    auto stream =
        tls::TlsStream::make(std::move(arrival.raw), tls::make_ticket_server(context_.get(), ticket), tuning,
                             std::move(arrival.seen));
    const auto shaken = co_await with_timeout(kHandshake, stream->handshake());
    if (shaken.has_error()) {
      ++counters_.failed;
      co_return shaken.error();
    }
    ++counters_.users;
    Authenticated out;
    out.user = ticket.user.id;
    out.binding = tls::session_binding(ticket.psk);
    out.early_data = stream->early_data_accepted();
    out.stream = std::move(stream);
    co_return std::move(out);
  }

  // Lets the cover site speak for us. A hello that is still incomplete may yet turn out to be a user's.
  asio::awaitable<Result<Authenticated>> cover(Arrival& arrival, Verdict verdict) {
    const Covered place(counters_.covered, options_.max_covered);
    Result<void> reached = make_error_code(Errc::limit);
    if (place) reached = co_await reach_cover(arrival, verdict);
    // A user whose hello was lost on the way the first time must not depend on the cover site.
    if (!reached && verdict == Verdict::undecided) co_await read_on(arrival, verdict);
    if (reached && verdict != Verdict::user) reached = co_await consult_cover(arrival, verdict);
    if (verdict == Verdict::user) {
      arrival.cover.reset();
      co_return co_await serve(arrival);
    }
    ++counters_.strangers;
    if (!reached) {
      // A host whose site is down; or a peer that has reset, which the site is told.
      arrival.raw->close(true);
      if (arrival.cover) arrival.cover->close(true);
      co_return reached.error();
    }
    RelayOptions relaying;
    (void)co_await relay(*arrival.raw, *arrival.cover, relaying);
    co_return make_error_code(Errc::proof_refused);
  }

  // Dials the cover site; ends sooner when the peer turns out to be a user meanwhile.
  asio::awaitable<Result<void>> reach_cover(Arrival& arrival, Verdict& verdict) {
    const auto executor = co_await asio::this_coro::executor;
    const auto dial = std::make_shared<CoverDial>(executor);
    TaskGroup dialling(executor);
    dialling.spawn(dial_cover(cover_dialer_, options_.cover, dial));
    while (!dial->outcome && verdict != Verdict::user) {
      if (verdict == Verdict::stranger) {
        error_code ignored;
        co_await dial->ended.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
          throw boost::system::system_error(asio::error::operation_aborted);
        continue;
      }
      (void)co_await asio::experimental::make_parallel_group(
          dial->ended.async_wait(asio::deferred),
          asio::co_spawn(executor, arrival.raw->wait_readable(), asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
      const auto next = look(arrival);
      if (next.has_error()) co_return next.error();
      verdict = *next;
    }
    if (!dial->outcome) co_return Result<void>{};
    if (dial->outcome->has_error()) co_return dial->outcome->error();
    arrival.cover = std::move(**dial->outcome);
    co_return Result<void>{};
  }

  // The cover site hears what the peer says and may answer, until it is clear who the peer is. An error: the
  // peer has reset.
  asio::awaitable<Result<void>> consult_cover(Arrival& arrival, Verdict& verdict) {
    for (;;) {
      const auto told = co_await tell_cover(arrival);
      if (verdict == Verdict::stranger || told.has_error()) co_return Result<void>{};  // relay meets it again
      const auto spoke = co_await with_timeout(kUndecided, first_to_speak(*arrival.raw, *arrival.cover));
      if (spoke.has_error() || *spoke == Spoke::cover) co_return Result<void>{};
      const auto next = look(arrival);
      if (next.has_error()) co_return next.error();
      verdict = *next;
      if (verdict == Verdict::user) co_return Result<void>{};
    }
  }

  asio::awaitable<void> read_on(Arrival& arrival, Verdict& verdict) {
    const auto until = std::chrono::steady_clock::now() + kHandshake;
    while (verdict == Verdict::undecided) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= 0s) co_return;
      const auto ready = co_await with_timeout(left, arrival.raw->wait_readable());
      if (!ready) co_return;
      const auto next = look(arrival);
      if (next.has_error()) co_return;
      verdict = *next;
    }
  }

  asio::awaitable<Result<void>> tell_cover(Arrival& arrival) {
    const auto from = asio::buffer(arrival.seen) + arrival.told;
    arrival.told = arrival.seen.size();
    co_return co_await arrival.cover->write_all(from);
  }

  AcceptorOptions options_;
  const UserDirectory& users_;
  ReplaySet& replays_;
  Dialer& cover_dialer_;
  AcceptorCounters& counters_;
  std::shared_ptr<SSL_CTX> context_;
};

}  // namespace

std::unique_ptr<TransportAcceptor> make_acceptor(AcceptorOptions options, const UserDirectory& users,
                                                 ReplaySet& replays, Dialer& cover_dialer,
                                                 AcceptorCounters& counters) {
  return std::make_unique<HttpsAcceptor>(std::move(options), users, replays, cover_dialer, counters);
}

}  // namespace surang::https
