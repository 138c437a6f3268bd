#include "client/pt/server_end.hpp"

#include <sodium/randombytes.h>
#include <spdlog/spdlog.h>

#include "client/pt/ext_orport.hpp"
#include "client/pt/relay_limits.hpp"
#include "config/private_file.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/tcp_stream.hpp"

namespace surang::client::pt {
namespace {

using asio::ip::tcp;

constexpr std::chrono::seconds kIntroductionLimit{10};

asio::awaitable<Result<void>> introduce(Stream& parent, ExtOrPort& port) {
  std::vector<std::uint8_t> part;
  for (;;) {
    const auto output = port.take_output();
    if (!output.empty()) {
      const auto sent = co_await parent.write_all(asio::buffer(output));
      if (!sent) co_return sent.error();
    }
    if (port.state() == ExtOrPort::State::open) co_return Result<void>{};
    if (port.state() == ExtOrPort::State::refused) co_return port.error();
    part.resize(port.wanted());
    const auto got = co_await parent.read_exactly(asio::buffer(part));
    if (!got) co_return got.error();
    port.feed(part);
  }
}

// Read each time: a Tor that starts may write it after it has started us.
Result<OrCookie> read_cookie(const std::filesystem::path& file) {
  const auto content = config::read_file(file);
  return content ? parse_or_cookie(*content) : Result<OrCookie>(content.error());
}

}  // namespace

ServerEnd::ServerEnd(const ServerSetup& setup, const Obfs4State& state) : setup_(setup), tcp_(resolver_, {}) {
  options_.identity = state.identity;
  options_.iat = state.iat;
  options_.shaping = std::make_shared<const obfs4::Shaping>(state.seed);
  options_.silence.until_end = options_.introduction + patience_of(state.seed);
  options_.silence.held = &held_;
}

asio::awaitable<Result<StreamPtr>> ServerEnd::open_parent(std::string client) {
  const auto& at = setup_.extended_port ? *setup_.extended_port : *setup_.or_port;
  std::vector<asio::ip::address> addresses{at.address()};
  auto stream = co_await tcp_.connect(std::move(addresses), at.port());
  if (!stream || !setup_.extended_port) co_return std::move(stream);
  const auto cookie = read_cookie(setup_.cookie_file);
  if (!cookie) co_return cookie.error();
  std::array<std::uint8_t, 32> nonce{};
  randombytes_buf(nonce.data(), nonce.size());
  ExtOrPort port(*cookie, nonce, client, kTransport);
  const auto introduced = co_await with_timeout(kIntroductionLimit, introduce(**stream, port));
  if (!introduced) co_return introduced.error();
  co_return std::move(stream);
}

asio::awaitable<void> ServerEnd::serve(tcp::socket socket) {
  const auto accepted = std::chrono::steady_clock::now();
  const auto id = ++served_;
  error_code gone;
  const auto from = socket.remote_endpoint(gone);
  const auto client = Endpoint(unmapped(from.address()), from.port()).to_string();
  socket.set_option(asio::socket_base::keep_alive(true), gone);  // a client may vanish and never be told of
  spdlog::debug("p{} from {}", id, client);
  auto connection =
      co_await obfs4::accept_over(make_tcp_stream(std::move(socket)), options_, replays_, accepted, {});
  if (!connection) {
    spdlog::debug("p{} was no client", id);
    co_return;
  }
  auto parent = co_await open_parent(client);
  if (!parent) {
    spdlog::warn("p{} the ORPort takes no connection: {}", id, parent.error().message());
    co_return;
  }
  const auto outcome = co_await relay(*connection->stream, **parent, relay_limits());
  spdlog::debug("p{} ended{}{}", id, outcome.error ? ": " : "", outcome.error ? outcome.error.message() : "");
}

}  // namespace surang::client::pt
