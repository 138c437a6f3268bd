#include "bridge-server/egress/reach_check.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <map>
#include <optional>

#include "bridge-server/egress/site_look.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/core/wrapping_stream.hpp"

namespace surang::bridge {
namespace {

using Clock = std::chrono::steady_clock;
using tunnel::ReachAnswer;
using tunnel::Reached;
using Addresses = std::vector<asio::ip::address>;

Reached connect_result(const error_code& why) {
  namespace error = asio::error;
  if (!why) return Reached::done;
  if (why == error::connection_refused || why == error::connection_reset) return Reached::refused;
  if (why == Errc::timed_out || why == error::timed_out) return Reached::timed_out;
  if (why == error::network_unreachable || why == error::host_unreachable) return Reached::unreachable;
  return Reached::failed;
}

ReachAnswer::Name name_result(const error_code& why) {
  if (why == Errc::name_not_found) return ReachAnswer::Name::not_found;
  return why == Errc::timed_out ? ReachAnswer::Name::timed_out : ReachAnswer::Name::failed;
}

// A connection whose bytes somebody pays for, and of which no more than `most` are read.
class Metered final : public WrappingStream {
 public:
  Metered(StreamPtr inner, std::size_t most, ReachCheck::Spent spent)
      : WrappingStream(std::move(inner)), left_(most), spent_(std::move(spent)) {}

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (left_ == 0) return make_error_code(Errc::limit);
    const auto n = inner_->try_read(asio::buffer(into, left_));
    if (n) count(*n), left_ -= *n;
    return n;
  }
  Result<asio::const_buffer> try_write(asio::const_buffer from) override {
    const auto left = inner_->try_write(from);
    if (left) count(from.size() - left->size());
    return left;
  }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    count(from.size());
    return inner_->write_all(from);
  }

 private:
  void count(std::size_t n) {
    if (spent_) *spent_ += n;
  }

  std::size_t left_;
  ReachCheck::Spent spent_;
};

struct Entry {
  std::optional<Result<ReachAnswer>> seen;
  Clock::time_point until;  // once it is seen
  Wakeup done;
};

}  // namespace

// What looks under way hold on to.
struct ReachCheck::State {
  State(asio::any_io_executor e, Resolver& r, TcpDialerOptions o, std::shared_ptr<SSL_CTX> c, ReachLimits l)
      : executor(e), resolver(r), egress(std::move(o)), roots(std::move(c)), limits(l), looks(e) {}

  using Self = std::shared_ptr<State>;
  static asio::awaitable<void> run(Self s, Endpoint to, std::shared_ptr<Entry> entry, Spent spent);
  static asio::awaitable<Result<ReachAnswer>> see(Self s, Endpoint to, Spent spent);

  const asio::any_io_executor executor;
  Resolver& resolver;
  const TcpDialerOptions egress;
  const std::shared_ptr<SSL_CTX> roots;
  const ReachLimits limits;
  std::map<Endpoint, std::shared_ptr<Entry>> known;
  TaskGroup looks;
};

asio::awaitable<Result<ReachAnswer>> ReachCheck::State::see(Self s, Endpoint to, Spent spent) {
  const auto until = Clock::now() + s->limits.whole;
  ReachAnswer answer;
  Addresses addresses;
  if (to.address()) {
    addresses.push_back(*to.address());
  } else {
    auto resolving = s->resolver.resolve(to.host());
    auto found = co_await with_timeout(s->limits.name, std::move(resolving));
    if (!found) {
      answer.name = name_result(found.error());
      co_return answer;
    }
    addresses = std::move(*found);
  }
  answer.name = ReachAnswer::Name::found;
  if (s->egress.admit) addresses = s->egress.admit(std::move(addresses), to.port());
  if (addresses.empty()) co_return make_error_code(Errc::destination_denied);
  if (addresses.size() > tunnel::kMostReachAddresses) addresses.resize(tunnel::kMostReachAddresses);
  answer.addresses = addresses;

  TcpDialerOptions options;
  options.connect_limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now() - s->limits.last);
  TcpDialer dialer(s->resolver, options);
  std::vector<ConnectAttempt> attempts;
  auto opened = co_await dialer.connect(std::move(addresses), to.port(), &attempts);
  for (const auto& attempt : attempts) {
    if (attempt.result == asio::error::operation_aborted) continue;  // another one won first
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(attempt.took).count();
    answer.attempts.push_back(
        {attempt.to.address(), connect_result(attempt.result), static_cast<std::uint32_t>(ms)});
  }
  if (!opened) co_return answer;
  StreamPtr site = std::make_unique<Metered>(std::move(*opened), s->limits.bytes, std::move(spent));
  if (tunnel::speaks_http(to.port()))
    answer.http = co_await look_at_http(std::move(site), to, until);
  else
    answer.tls = co_await look_at_tls(std::move(site), to, s->roots, until);
  co_return answer;
}

asio::awaitable<void> ReachCheck::State::run(Self s, Endpoint to, std::shared_ptr<Entry> entry, Spent spent) {
  struct Settle {  // also when it is cancelled
    Entry& entry;
    Clock::duration remembered;
    ~Settle() {
      if (!entry.seen) entry.seen = make_error_code(Errc::closed);
      entry.until = Clock::now() + remembered;
      entry.done.notify();
    }
  } const settle{*entry, s->limits.remembered};
  entry->seen = co_await see(s, std::move(to), std::move(spent));
}

ReachCheck::ReachCheck(asio::any_io_executor executor, Resolver& resolver, TcpDialerOptions egress,
                       std::shared_ptr<SSL_CTX> roots, ReachLimits limits)
    : state_(std::make_shared<State>(std::move(executor), resolver, std::move(egress), std::move(roots),
                                     limits)) {}

ReachCheck::~ReachCheck() {
  stop();
}

void ReachCheck::stop() {
  state_->looks.cancel();
}

asio::awaitable<Result<ReachAnswer>> ReachCheck::look(Endpoint to, Spent spent) {
  const auto s = state_;
  const auto now = Clock::now();
  std::erase_if(s->known,
                [&](const auto& known) { return known.second->seen && known.second->until <= now; });
  std::shared_ptr<Entry> entry;
  if (const auto known = s->known.find(to); known != s->known.end()) {
    entry = known->second;
  } else {
    if (s->looks.size() >= s->limits.at_once || s->known.size() >= s->limits.known)
      co_return make_error_code(Errc::limit);
    entry = std::make_shared<Entry>();
    s->known.emplace(to, entry);
    s->looks.spawn(State::run(s, std::move(to), entry, std::move(spent)));
  }
  while (!entry->seen) co_await entry->done.wait(s->executor);
  co_return *entry->seen;
}

}  // namespace surang::bridge
