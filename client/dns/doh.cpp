#include "client/dns/doh.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/dns/doh_h2.hpp"
#include "client/dns/doh_http1.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

using Clock = std::chrono::steady_clock;
using Answer = Doh::Answer;

// After which a connection that was kept counts as dead.
constexpr std::chrono::seconds kKeptAnswers{2};

asio::awaitable<Result<StreamPtr>> dial_any(Dialer* dialer, std::vector<std::string> addresses,
                                            std::uint16_t port) {
  Result<StreamPtr> opened = make_error_code(Errc::no_route);
  for (const auto& address : addresses) {
    const Endpoint to(address, port);
    opened = co_await dialer->dial(to);
    if (opened) break;
  }
  co_return opened;
}

bool speaks_h2(tls::TlsStream& stream) {
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(stream.ssl(), &chosen, &size);
  return size == 2 && chosen[0] == 'h' && chosen[1] == '2';
}

Result<Answer> read_answers(const std::vector<DnsBytes>& answers, const std::vector<DnsBytes>& queries) {
  Answer all;
  all.ttl = std::chrono::seconds(300);
  bool no_such_name = false, answered = false;
  std::vector<asio::ip::address> v4;
  for (std::size_t i = 0; i < queries.size() && i < answers.size(); ++i) {
    const auto reply = parse_dns_reply(answers[i], queries[i]);
    no_such_name |= reply.kind == DnsReply::Kind::no_such_name;
    answered |= reply.kind == DnsReply::Kind::answer;
    for (const auto& a : reply.addresses) (a.is_v4() ? v4 : all.addresses).push_back(a);
    if (!reply.addresses.empty()) all.ttl = std::min(all.ttl, reply.ttl);
  }
  all.addresses.insert(all.addresses.end(), v4.begin(), v4.end());
  if (!all.addresses.empty()) return all;
  return make_error_code(no_such_name || answered ? Errc::name_not_found : Errc::protocol);
}

}  // namespace

struct Doh::Impl {
  // A dial that all who want it wait for.
  struct Opening {
    bool done = false;
    error_code error;
    std::shared_ptr<DohH2> kept;
    StreamPtr once;  // instead, where the provider speaks HTTP/1.1: for one of them
    Wakeup news;
  };

  // One provider by one way.
  struct Door {
    const config::DohServer* server = nullptr;
    Dialer* dialer = nullptr;
    std::shared_ptr<DohH2> kept;
    std::shared_ptr<Opening> opening;
    bool stands() const { return kept && kept->open(); }
  };

  Impl(asio::any_io_executor e, DohOptions o, std::shared_ptr<SSL_CTX> c, Dialer& direct, Dialer* tunnel)
      : executor(e), options(std::move(o)), context(std::move(c)), background(e) {
    for (Dialer* dialer : {&direct, tunnel})
      for (const auto& server : options.servers)
        if (dialer) doors.push_back(std::make_shared<Door>(Door{&server, dialer, nullptr, nullptr}));
  }

  asio::any_io_executor executor;
  DohOptions options;
  std::shared_ptr<SSL_CTX> context;
  std::vector<std::shared_ptr<Door>> doors;
  TaskGroup background;

  // Shared by the askers of one name, of which the first that is satisfied by its answers ends the rest.
  struct Asking {
    using Satisfied = std::function<bool(const std::vector<DnsBytes>&)>;
    Asking(asio::any_io_executor e, Satisfied s) : news(e), satisfied(std::move(s)) {}
    asio::steady_timer news;
    const Satisfied satisfied;
    std::size_t failed = 0;
    std::optional<std::vector<DnsBytes>> answers;
  };

  static asio::awaitable<Result<std::unique_ptr<tls::TlsStream>>> dial(std::shared_ptr<Impl> self,
                                                                       std::shared_ptr<Door> door) {
    auto opened = co_await dial_any(door->dialer, door->server->addresses, door->server->port);
    if (!opened) co_return opened.error();
    std::vector<std::string> alpn{"h2", "http/1.1"};
    co_return co_await tls::connect_verified(std::move(*opened), self->context, door->server->host, alpn);
  }

  static asio::awaitable<void> open(std::shared_ptr<Impl> self, std::shared_ptr<Door> door,
                                    std::shared_ptr<Opening> opening,
                                    [[maybe_unused]] std::shared_ptr<void> owner) {
    struct Ended {
      std::shared_ptr<Door> door;
      std::shared_ptr<Opening> opening;
      ~Ended() {
        if (door->opening == opening) door->opening.reset();
        opening->done = true;
        opening->news.notify();
      }
    };
    const Ended ended{door, opening};
    opening->error = make_error_code(Errc::closed);
    auto dialling = dial(self, door);
    auto secured = co_await with_timeout(self->options.limit, std::move(dialling));
    if (!secured) {
      opening->error = secured.error();
      co_return;
    }
    if (door->opening != opening) co_return;  // of another network
    opening->error = {};
    if (!speaks_h2(**secured)) {
      opening->once = std::move(*secured);
      co_return;
    }
    const auto& server = *door->server;
    opening->kept = door->kept = std::make_shared<DohH2>(self->executor, std::move(*secured), server.host,
                                                         server.path, self->options.idle);
    door->kept->start(self->background);
  }

  static asio::awaitable<Result<std::vector<DnsBytes>>> exchange(std::shared_ptr<Impl> self,
                                                                 std::shared_ptr<Door> door,
                                                                 std::vector<DnsBytes> queries,
                                                                 std::shared_ptr<void> owner) {
    if (door->stands()) {
      const auto kept = door->kept;
      auto asking = kept->ask(queries);
      auto answers = co_await with_timeout(kKeptAnswers, std::move(asking));
      if (answers || answers.error() == Errc::protocol) co_return answers;
      kept->close();  // it was dead
    }
    for (;;) {
      if (!door->opening) {
        door->opening = std::make_shared<Opening>();
        self->background.spawn(open(self, door, door->opening, owner));
      }
      const auto opening = door->opening;
      while (!opening->done) co_await opening->news.wait(self->executor);
      if (opening->error) co_return opening->error;
      if (opening->kept) co_return co_await opening->kept->ask(std::move(queries));
      if (const auto once = std::move(opening->once))
        co_return co_await doh_over_http1(*once, door->server->host, door->server->path, std::move(queries));
    }
  }

  static asio::awaitable<void> ask(std::shared_ptr<Impl> self, std::shared_ptr<Asking> asking,
                                   std::shared_ptr<Door> door, std::vector<DnsBytes> queries,
                                   std::shared_ptr<void> owner) {
    auto answers = co_await exchange(self, door, queries, std::move(owner));
    if (answers && asking->satisfied(*answers)) {
      if (!asking->answers) asking->answers = std::move(*answers);
    } else {
      ++asking->failed;
    }
    asking->news.cancel();
  }

  static asio::awaitable<void> ask_all(std::shared_ptr<Impl> self, std::shared_ptr<Asking> asking,
                                       std::vector<DnsBytes> queries, std::shared_ptr<void> owner) {
    // Who has a connection first, and in the order of the configuration.
    decltype(self->doors) doors;
    for (const bool standing : {true, false})
      std::ranges::copy_if(self->doors, std::back_inserter(doors),
                           [standing](const auto& door) { return door->stands() == standing; });
    TaskGroup group(self->executor);
    const auto deadline = Clock::now() + self->options.limit;
    auto next_at = Clock::now();
    std::size_t started = 0, failures_seen = 0;
    while (!asking->answers && asking->failed < doors.size()) {
      const auto now = Clock::now();
      if (now >= deadline) break;
      const bool failed = asking->failed > std::exchange(failures_seen, asking->failed);
      if (started < doors.size() && (failed || now >= next_at)) {
        group.spawn(ask(self, asking, doors[started++], queries, owner));
        next_at = now + self->options.stagger;
        continue;
      }
      error_code ignored;
      asking->news.expires_at(started < doors.size() ? std::min(deadline, next_at) : deadline);
      co_await asking->news.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error(asio::error::operation_aborted);
    }
  }
};

Doh::Doh(asio::any_io_executor executor, DohOptions options, std::shared_ptr<SSL_CTX> context, Dialer& direct,
         Dialer* tunnel)
    : impl_(std::make_shared<Impl>(executor, std::move(options), std::move(context), direct, tunnel)) {}

Doh::~Doh() {
  impl_->background.cancel();
}

void Doh::forget() {
  impl_->background.cancel();
  for (const auto& door : impl_->doors) {
    door->kept.reset();
    door->opening.reset();
  }
}

asio::awaitable<Result<Doh::Answer>> Doh::resolve(std::string host, std::shared_ptr<void> owner) {
  const auto self = impl_;
  // RFC 8484 4.1: the id is zero, so that answers may be cached alike.
  std::vector<DnsBytes> queries{make_dns_query(host, RecordType::a, 0)};
  if (self->options.ipv6) queries.push_back(make_dns_query(host, RecordType::aaaa, 0));
  if (queries.front().empty()) co_return make_error_code(Errc::name_not_found);
  const auto asking =
      std::make_shared<Impl::Asking>(self->executor, [queries](const std::vector<DnsBytes>& answers) {
        const auto read = read_answers(answers, queries);
        return read || read.error() == Errc::name_not_found;
      });
  co_await Impl::ask_all(self, asking, queries, std::move(owner));
  if (asking->answers) co_return read_answers(*asking->answers, queries);
  co_return make_error_code(self->doors.empty() ? Errc::no_route : Errc::timed_out);
}

asio::awaitable<Result<DnsBytes>> Doh::exchange(DnsBytes query, std::shared_ptr<void> owner) {
  const auto self = impl_;
  constexpr std::size_t kHead = 12;
  if (query.size() < kHead) co_return make_error_code(Errc::bad_input);
  const std::array id{query[0], query[1]};
  query[0] = query[1] = 0;
  const auto asking =
      std::make_shared<Impl::Asking>(self->executor, [](const std::vector<DnsBytes>& answers) {
        return answers.size() == 1 && answers.front().size() >= kHead;
      });
  std::vector<DnsBytes> queries;
  queries.push_back(std::move(query));
  co_await Impl::ask_all(self, asking, std::move(queries), std::move(owner));
  if (!asking->answers) co_return make_error_code(self->doors.empty() ? Errc::no_route : Errc::timed_out);
  auto answer = std::move(asking->answers->front());
  std::ranges::copy(id, answer.begin());
  co_return answer;
}

}  // namespace surang::client
