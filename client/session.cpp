#include "client/session.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/use_awaitable.hpp>

#include "transports/tcp/tcp_stream.hpp"

namespace surang::client {
namespace session {
namespace {

std::span<const std::uint8_t> bytes(const std::string& s) {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

asio::awaitable<void> serve_socks(Session& session) {
  auto& browser = session.browser;
  SocksCodec codec(session.options->credentials);
  codec.take_udp();
  for (;;) {
    browser.input.erase(0, codec.feed(bytes(browser.input)));
    if (const auto output = codec.take_output(); !output.empty())
      if (const auto sent = co_await browser.write(output); !sent) co_return;
    if (codec.state() != SocksCodec::State::reading) break;
    const auto n = co_await browser.read_more(session.options->negotiation_limit);
    if (!n || *n == 0) co_return;
  }
  auto answer = SocksAnswer::granted;
  if (codec.state() == SocksCodec::State::refused) {
    spdlog::debug("c{} refused: {}", session.id, codec.why());
    ++session.context.counters.refused;
    co_return co_await browser.finish();
  }
  if (codec.command() == SocksCodec::Command::udp_associate)
    co_return co_await serve_datagrams(session, codec);
  const auto why = refusal(session, codec.destination());
  if (why != Refusal::none) answer = SocksAnswer::not_allowed;
  std::shared_ptr<HeadStart> begun;
  if (why == Refusal::none) begun = begin(session, codec.destination());
  if (const auto sent = co_await browser.write(codec.reply(answer)); !sent) co_return;
  if (why != Refusal::none) co_return co_await browser.finish();
  co_await serve_tunnel(session, codec.destination(), std::move(begun));
}

}  // namespace

Refusal refusal(const Session& session, const Endpoint& to) {
  auto why = Refusal::none;
  if (session.context.guard.is_self(to))
    why = Refusal::self;
  else if (session.context.outbound.refuses(to))
    why = Refusal::rule;
  if (why == Refusal::none) return why;
  ++session.context.counters.refused;
  spdlog::debug("c{} {} refused: {}", session.id, to.to_string(),
                why == Refusal::self ? "this is Surang itself" : "a rule says never");
  return why;
}

std::shared_ptr<HeadStart> begin(Session& session, const Endpoint& to) {
  // A guest's is dialled once its addresses are known not to be this network's.
  const bool may = session.browser.input.empty() && !session.guest;
  return may ? session.context.outbound.begin(to) : nullptr;
}

}  // namespace session

asio::awaitable<void> serve_browser(asio::ip::tcp::socket socket, SessionContext& context,
                                    TaskGroup::Task task) {
  const session::CountOpen open(context.counters);
  error_code ignored;
  const auto local = socket.local_endpoint(ignored).address();
  const auto remote = socket.remote_endpoint(ignored).address();
  session::Session s{Browser(make_tcp_stream(std::move(socket))),
                     context,
                     context.options,
                     ++context.counters.opened,
                     task,
                     local,
                     remote};
  const auto n = co_await s.browser.read_more(s.options->negotiation_limit);
  if (!n || *n == 0) co_return;
  const auto first = static_cast<unsigned char>(s.browser.input[0]);
  if (first == 4 || first == 5) co_return co_await session::serve_socks(s);
  const bool letter = (first >= 'A' && first <= 'Z') || (first >= 'a' && first <= 'z');
  if (letter || first == '\r') co_return co_await session::serve_http(s);
  spdlog::debug("c{} speaks neither SOCKS nor HTTP", s.id);
  ++context.counters.refused;
}

}  // namespace surang::client
