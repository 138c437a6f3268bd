#include "bridge-server/cover/cover_choice.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <utility>

#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::bridge {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 12> kCandidates = {
    "www.apache.org",    "www.cpan.org",   "www.debian.org",      "www.freebsd.org",
    "www.gnu.org",       "www.ietf.org",   "www.kernel.org",      "www.mozilla.org",
    "www.openstack.org", "www.python.org", "www.raspberrypi.com", "www.w3.org",
};

// How long after the handshake a site's tickets are waited for: they come one round trip later, if at all.
constexpr auto kTickets = 1000ms;

asio::awaitable<Result<std::unique_ptr<tls::TlsStream>>> visit(Endpoint site, Dialer& tcp,
                                                               std::shared_ptr<SSL_CTX> context) {
  auto raw = co_await tcp.dial(site);
  if (!raw) co_return raw.error();
  std::vector<std::string> alpn{"h2", "http/1.1"};
  co_return co_await tls::connect_verified(std::move(*raw), std::move(context), site.host(), std::move(alpn));
}

// Empty when the site will do, else its flaw.
std::string flaw_of(SSL* ssl) {
  if (SSL_version(ssl) != TLS1_3_VERSION) return "no TLS 1.3";
  if (SSL_get_negotiated_group(ssl) != NID_X25519) return "no X25519";
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &protocol, &size);
  if (std::string_view(reinterpret_cast<const char*>(protocol), size) != "h2") return "no HTTP/2";
  return {};
}

// Until a ticket has come, or the site has ended.
asio::awaitable<Result<void>> await_ticket(tls::TlsStream& stream) {
  std::array<char, 4096> block{};
  for (;;) {
    const auto n = stream.try_read(asio::buffer(block));
    if (SSL_SESSION_has_ticket(SSL_get_session(stream.ssl())) == 1) break;
    if (n ? *n == 0 : n.error() != Errc::would_block) break;
    if (n) continue;
    const auto more = co_await stream.wait_readable();
    if (!more) co_return more;
  }
  co_return Result<void>{};
}

asio::awaitable<void> try_cover(CoverTrial& trial, Dialer& tcp, std::shared_ptr<SSL_CTX> context,
                                std::chrono::milliseconds limit) {
  const auto start = std::chrono::steady_clock::now();
  auto stream = co_await with_timeout(limit, visit(trial.site, tcp, std::move(context)));
  trial.took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
  trial.flaw = stream ? flaw_of((*stream)->ssl()) : stream.error().message();
  if (!trial.flaw.empty()) co_return;
  (void)co_await with_timeout(kTickets, await_ticket(**stream));
  if (SSL_SESSION_get_max_early_data(SSL_get_session((*stream)->ssl())) == 0)
    trial.remark = "gives no tickets for early data, which our users' connections show";
}

}  // namespace

std::span<const std::string_view> cover_candidates() {
  return kCandidates;
}

asio::awaitable<std::vector<CoverTrial>> try_covers(std::vector<Endpoint> sites, Dialer& tcp,
                                                    std::shared_ptr<SSL_CTX> context,
                                                    std::chrono::milliseconds limit) {
  std::vector<CoverTrial> trials(sites.size());
  // X25519 first, as browsers have it: a server that can then takes it.
  SSL_CTX_set1_groups_list(context.get(), "X25519:P-256:P-384");
  TaskGroup tasks(co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    trials[i].site = sites[i];
    tasks.spawn(try_cover(trials[i], tcp, context, limit));
  }
  co_await tasks.join();
  co_return trials;
}

std::optional<CoverTrial> best_cover(const std::vector<CoverTrial>& trials) {
  const auto rank = [](const CoverTrial& trial) { return std::pair(!trial.remark.empty(), trial.took); };
  const CoverTrial* best = nullptr;
  for (const auto& trial : trials)
    if (trial.flaw.empty() && (!best || rank(trial) < rank(*best))) best = &trial;
  return best ? std::optional(*best) : std::nullopt;
}

std::optional<CoverTrial> choose_cover() {
  asio::io_context io(1);
  SystemResolver resolver;
  TcpDialer tcp(resolver, {});
  std::vector<Endpoint> sites;
  for (const auto name : kCandidates) sites.emplace_back(std::string(name), std::uint16_t{443});
  std::optional<CoverTrial> best;
  asio::co_spawn(io, try_covers(std::move(sites), tcp, tls::make_client_context(), 5s),
                 [&](std::exception_ptr failure, std::vector<CoverTrial> trials) {
                   if (failure) std::rethrow_exception(failure);
                   best = best_cover(trials);
                 });
  io.run();
  return best;
}

}  // namespace surang::bridge
