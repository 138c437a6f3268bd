#include "client/pt/client_end.hpp"

#include <spdlog/spdlog.h>

#include "client/browser.hpp"
#include "client/inbound/socks_codec.hpp"
#include "client/pt/obfs4_settings.hpp"
#include "client/pt/relay_limits.hpp"
#include "transports/obfs4/connection.hpp"
#include "transports/tcp/carrier.hpp"
#include "transports/tcp/tcp_stream.hpp"

namespace surang::client::pt {
namespace {

// Between two messages of the parent's.
constexpr std::chrono::seconds kNegotiationLimit{30};
constexpr std::chrono::milliseconds kConnectLimit{30000};

TcpDialerOptions dialer_options(const ClientSetup& setup) {
  TcpDialerOptions out;
  out.connect_limit = kConnectLimit;
  out.from_v4 = setup.from_v4;
  out.from_v6 = setup.from_v6;
  return out;
}

// Of a dial.
SocksAnswer answer_to(const error_code& e) {
  if (e == std::errc::connection_refused) return SocksAnswer::refused;
  if (e == std::errc::network_unreachable) return SocksAnswer::network_unreachable;
  if (e == std::errc::host_unreachable || e == Errc::name_not_found) return SocksAnswer::host_unreachable;
  if (e == std::errc::address_not_available || e == std::errc::address_family_not_supported)
    return SocksAnswer::bad_address_type;
  if (e == Errc::timed_out || e == std::errc::timed_out) return SocksAnswer::timed_out;
  if (e == Errc::destination_denied) return SocksAnswer::not_allowed;
  return SocksAnswer::failed;
}

// Until the request is there; false: there is nobody to answer any more.
asio::awaitable<bool> negotiate(Browser& parent, SocksCodec& codec) {
  for (;;) {
    const auto* input = reinterpret_cast<const std::uint8_t*>(parent.input.data());
    const std::span<const std::uint8_t> bytes(input, parent.input.size());
    parent.input.erase(0, codec.feed(bytes));
    const auto output = codec.take_output();
    if (!output.empty()) {
      const auto sent = co_await parent.write(output);
      if (!sent) co_return false;
    }
    if (codec.state() == SocksCodec::State::request) co_return true;
    if (codec.state() == SocksCodec::State::refused) {
      co_await parent.finish();
      co_return false;
    }
    const auto n = co_await parent.read_more(kNegotiationLimit);
    if (!n || *n == 0) co_return false;
  }
}

struct Opened {
  std::unique_ptr<Stream> stream;
  SocksAnswer answer = SocksAnswer::granted;
  std::string why;  // for the log, where there is none
};

asio::awaitable<Opened> open(Dialer& way, Endpoint to, Obfs4Settings settings) {
  Opened out;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto unix_seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  auto handshake = std::make_unique<obfs4::ClientHandshake>(settings.bridge, settings.shape, unix_seconds);
  std::vector<std::string> hosts{to.host()};
  auto raw = co_await dial_carrier(way, std::move(hosts), to.port());
  if (!raw) {
    out.answer = answer_to(raw.error());
    out.why = "cannot connect: " + raw.error().message();
    co_return out;
  }
  auto connection = co_await obfs4::connect_over(std::move(*raw), std::move(handshake), settings.iat);
  if (!connection) {
    // Who answers nothing may be a bridge whose cert is another.
    out.answer = SocksAnswer::failed;
    out.why = "no obfs4 bridge of that cert: " + connection.error().message();
    co_return out;
  }
  out.stream = std::move(connection->stream);
  co_return out;
}

}  // namespace

ClientEnd::ClientEnd(const ClientSetup& setup)
    : tcp_(resolver_, dialer_options(setup)),
      way_(setup.proxy ? static_cast<Dialer&>(proxy_.emplace(*setup.proxy, tcp_)) : tcp_) {}

asio::awaitable<void> ClientEnd::serve(asio::ip::tcp::socket socket) {
  const auto id = ++served_;
  Browser parent(make_tcp_stream(std::move(socket)));
  auto codec = SocksCodec::for_any_password();
  const bool asked = co_await negotiate(parent, codec);
  if (!asked) {
    if (!codec.why().empty()) spdlog::warn("p{} refused: {}", id, codec.why());
    co_return;
  }
  spdlog::debug("p{} to {}", id, codec.destination().to_string());
  std::string why;
  const auto arguments = parse_socks_arguments(codec.user(), codec.password());
  if (!arguments) why = "user name and password are not KEY=VALUE;...";
  const auto settings = arguments ? read_settings(*arguments, why) : Result<Obfs4Settings>(arguments.error());
  Opened opened;
  opened.answer = SocksAnswer::failed;
  opened.why = why;
  if (settings) opened = co_await open(way_, codec.destination(), *settings);
  const auto reply = codec.reply(opened.answer);
  const auto told = co_await parent.write(reply);
  if (!opened.stream) {
    spdlog::warn("p{} {}", id, opened.why);
    co_return co_await parent.finish();
  }
  if (!told) co_return;
  if (!parent.input.empty()) {
    const auto sent = co_await opened.stream->write_all(asio::buffer(parent.input));
    if (!sent) co_return parent.stream->close(true);
  }
  const auto outcome = co_await relay(*parent.stream, *opened.stream, relay_limits());
  spdlog::debug("p{} ended{}{}", id, outcome.error ? ": " : "", outcome.error ? outcome.error.message() : "");
}

}  // namespace surang::client::pt
