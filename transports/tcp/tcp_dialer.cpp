#include "transports/tcp/tcp_dialer.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "transports/core/alarm.hpp"
#include "transports/core/own_mark.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tcp/tcp_stream.hpp"

namespace surang {
namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

// What a name server gives must not decide how many descriptors one dial takes.
constexpr std::size_t kMostAddresses = 16;

// RFC 8305 section 4: the families take turns, the resolver's first choice begins.
std::vector<asio::ip::address> interleave(const std::vector<asio::ip::address>& in) {
  std::vector<asio::ip::address> first, second, out;
  for (const auto& address : in) (address.is_v6() == in.front().is_v6() ? first : second).push_back(address);
  for (std::size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    if (i < first.size()) out.push_back(first[i]);
    if (i < second.size()) out.push_back(second[i]);
  }
  return out;
}

struct Attempt {
  Attempt(const asio::any_io_executor& executor, tcp::endpoint endpoint) : socket(executor), to(endpoint) {}
  tcp::socket socket;
  tcp::endpoint to;
  Clock::time_point started = Clock::now();
  Clock::duration took{};
  std::optional<error_code> result;
};

// Shared by the racing coroutine and the connects under way, which may end after it.
struct Race {
  explicit Race(asio::any_io_executor e) : executor(e), limit(e) {}

  void settle(Attempt& attempt, error_code result) {
    attempt.result = result;
    attempt.took = Clock::now() - attempt.started;
    if (!result && !winner) winner = &attempt;
    if (result) {
      --under_way, ++failures;
      error_code ignored;
      attempt.socket.close(ignored);  // a name may have many dead addresses
    }
    news.notify();
  }

  // Ends what is still under way; `why` goes to its evidence.
  void stop(error_code why) {
    for (auto& attempt : attempts) {
      if (!attempt->result) settle(*attempt, why);
      error_code ignored;
      if (attempt.get() != winner) attempt->socket.close(ignored);
    }
  }

  asio::any_io_executor executor;
  Wakeup news;  // an attempt has ended
  Alarm limit;
  std::vector<std::unique_ptr<Attempt>> attempts;
  std::size_t under_way = 0, failures = 0;
  Attempt* winner = nullptr;
};

void start(const std::shared_ptr<Race>& race, const tcp::endpoint& to,
           const std::optional<asio::ip::address>& from) {
  auto& attempt = *race->attempts.emplace_back(std::make_unique<Attempt>(race->executor, to));
  ++race->under_way;
  error_code ec;
  attempt.socket.open(to.protocol(), ec);
  if (!ec) mark_own(attempt.socket);
  if (!ec && from) attempt.socket.bind(tcp::endpoint(*from, 0), ec);
  if (ec) return race->settle(attempt, ec);
  attempt.socket.non_blocking(true, ec);  // the stream needs it; asked for later, it would be a second call
  attempt.socket.async_connect(to, [race, &attempt](error_code result) {
    if (!attempt.result) race->settle(attempt, result);
  });
}

// Whatever way the racing coroutine ends, no socket of it stays open.
struct StopAtExit {
  Race& race;
  ~StopAtExit() { race.stop(asio::error::operation_aborted); }
};

error_code failure_of(const Race& race) {
  for (const auto& attempt : race.attempts)
    if (attempt->result && *attempt->result != Errc::timed_out) return *attempt->result;
  return Errc::timed_out;
}

}  // namespace

TcpDialer::TcpDialer(Resolver& resolver, TcpDialerOptions options)
    : resolver_(resolver), options_(std::move(options)) {}

asio::awaitable<Result<StreamPtr>> TcpDialer::dial(Endpoint to) {
  Result<std::vector<asio::ip::address>> addresses = make_error_code(Errc::name_not_found);
  if (const auto& literal = to.address())
    addresses = std::vector{*literal};
  else
    addresses = co_await resolver_.resolve(to.host());
  if (!addresses) co_return addresses.error();
  if (options_.admit) {
    *addresses = options_.admit(std::move(*addresses), to.port());
    if (addresses->empty()) co_return make_error_code(Errc::destination_denied);
  }
  co_return co_await connect(std::move(*addresses), to.port());
}

asio::awaitable<Result<StreamPtr>> TcpDialer::connect(std::vector<asio::ip::address> addresses,
                                                      std::uint16_t port,
                                                      std::vector<ConnectAttempt>* attempts) {
  if (addresses.empty()) co_return make_error_code(Errc::name_not_found);
  addresses = interleave(addresses);
  if (addresses.size() > kMostAddresses) addresses.resize(kMostAddresses);

  const auto race = std::make_shared<Race>(co_await asio::this_coro::executor);
  const StopAtExit stop_at_exit{*race};
  const auto deadline = Clock::now() + options_.connect_limit;
  auto next_start = Clock::now();
  std::size_t next = 0, failures_seen = 0;
  while (!race->winner) {
    const auto now = Clock::now();
    if (now >= deadline) break;
    // RFC 8305 section 5: a failure starts the next attempt at once.
    const bool failed = race->failures > std::exchange(failures_seen, race->failures);
    if (next < addresses.size() && (failed || now >= next_start)) {
      const auto& to = addresses[next++];
      start(race, tcp::endpoint(to, port), to.is_v6() ? options_.from_v6 : options_.from_v4);
      next_start = now + options_.attempt_delay;
      continue;
    }
    if (race->under_way == 0) break;
    race->limit.set(next < addresses.size() ? std::min(deadline, next_start) : deadline,
                    [&news = race->news] { news.notify(); });
    co_await race->news.wait(race->executor);
  }
  race->stop(race->winner ? error_code(asio::error::operation_aborted) : make_error_code(Errc::timed_out));
  if (attempts)
    for (const auto& attempt : race->attempts)
      attempts->push_back({attempt->to, *attempt->result, attempt->took});
  if (!race->winner) co_return failure_of(*race);
  co_return make_tcp_stream(std::move(race->winner->socket), options_.bbr);
}

}  // namespace surang
