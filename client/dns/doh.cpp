#include "client/dns/doh.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "client/dns/doh_exchange.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::client {
namespace {

using Clock = std::chrono::steady_clock;
using Answer = Doh::Answer;

// One provider by one way.
struct Door {
  const config::DohServer* server = nullptr;
  Dialer* dialer = nullptr;
};

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
  asio::any_io_executor executor;
  DohOptions options;
  std::shared_ptr<SSL_CTX> context;
  Dialer& direct;
  Dialer* tunnel;

  // Shared by the askers of one name, of which the first answer ends the rest.
  struct Asking {
    explicit Asking(asio::any_io_executor e) : news(e) {}
    asio::steady_timer news;
    std::size_t failed = 0;
    std::optional<Result<Answer>> answer;
  };

  static asio::awaitable<Result<Answer>> ask_at(std::shared_ptr<Impl> self, Door door, std::string host) {
    auto opened = co_await dial_any(door.dialer, door.server->addresses, door.server->port);
    if (!opened) co_return opened.error();
    std::vector<std::string> alpn{"h2", "http/1.1"};
    auto secured = co_await tls::connect_verified(std::move(*opened), self->context, door.server->host, alpn);
    if (!secured) co_return secured.error();
    // RFC 8484 4.1: the id is zero, so that answers may be cached alike.
    std::vector<DnsBytes> queries{make_dns_query(host, RecordType::a, 0)};
    if (self->options.ipv6) queries.push_back(make_dns_query(host, RecordType::aaaa, 0));
    if (queries.front().empty()) co_return make_error_code(Errc::name_not_found);
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected((*secured)->ssl(), &chosen, &size);
    const bool h2 = size == 2 && chosen[0] == 'h' && chosen[1] == '2';
    Result<std::vector<DnsBytes>> answers = make_error_code(Errc::protocol);
    if (h2)
      answers = co_await doh_over_h2(**secured, door.server->host, door.server->path, queries);
    else
      answers = co_await doh_over_http1(**secured, door.server->host, door.server->path, queries);
    if (!answers) co_return answers.error();
    co_return read_answers(*answers, queries);
  }

  static asio::awaitable<void> ask(std::shared_ptr<Impl> self, std::shared_ptr<Asking> asking, Door door,
                                   std::string host) {
    auto answer = co_await ask_at(self, door, host);
    if (answer || answer.error() == Errc::name_not_found) {
      if (!asking->answer) asking->answer = std::move(answer);
    } else {
      ++asking->failed;
    }
    asking->news.cancel();
  }
};

Doh::Doh(asio::any_io_executor executor, DohOptions options, std::shared_ptr<SSL_CTX> context, Dialer& direct,
         Dialer* tunnel)
    : impl_(std::make_shared<Impl>(Impl{executor, std::move(options), std::move(context), direct, tunnel})) {}

Doh::~Doh() = default;

asio::awaitable<Result<Doh::Answer>> Doh::resolve(std::string host) {
  const auto self = impl_;
  std::vector<Door> doors;
  for (Dialer* dialer : {&self->direct, self->tunnel})
    for (const auto& server : self->options.servers)
      if (dialer) doors.push_back({&server, dialer});
  if (doors.empty()) co_return make_error_code(Errc::no_route);

  const auto asking = std::make_shared<Impl::Asking>(self->executor);
  TaskGroup group(self->executor);
  const auto deadline = Clock::now() + self->options.limit;
  auto next_at = Clock::now();
  std::size_t started = 0, failures_seen = 0;
  while (!asking->answer && asking->failed < doors.size()) {
    const auto now = Clock::now();
    if (now >= deadline) break;
    const bool failed = asking->failed > std::exchange(failures_seen, asking->failed);
    if (started < doors.size() && (failed || now >= next_at)) {
      group.spawn(Impl::ask(self, asking, doors[started++], host));
      next_at = now + self->options.stagger;
      continue;
    }
    error_code ignored;
    asking->news.expires_at(started < doors.size() ? std::min(deadline, next_at) : deadline);
    co_await asking->news.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (asking->answer) co_return std::move(*asking->answer);
  co_return make_error_code(Errc::timed_out);
}

}  // namespace surang::client
