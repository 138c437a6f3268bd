#include "transports/obfs4/connection.hpp"

#include <vector>

#include "transports/core/timeout.hpp"
#include "transports/core/user.hpp"
#include "transports/obfs4/user_proof.hpp"

namespace surang::obfs4 {
namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::uint8_t>;
using namespace std::chrono_literals;

constexpr auto kAnswer = 30s;

std::int64_t unix_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Appends what comes, at least one byte.
asio::awaitable<Result<void>> read_more(Stream& raw, Bytes& seen, Clock::time_point until) {
  std::array<std::uint8_t, 2048> part;
  const auto n = co_await raw.read_some_for(asio::buffer(part), until - Clock::now());
  if (n.has_error()) co_return n.error();
  if (*n == 0) co_return make_error_code(Errc::truncated);
  seen.insert(seen.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*n));
  co_return Result<void>{};
}

std::array<std::uint8_t, 32> binding_of(const SessionSecret& secret) {
  std::array<std::uint8_t, 32> binding{};
  derive_key(secret, "obfs4 binding", binding);
  return binding;
}

asio::awaitable<Result<void>> shake_hands(Stream& raw, ClientHandshake& handshake, Bytes& rest) {
  const auto until = Clock::now() + kAnswer;
  const auto sent = co_await raw.write_all(asio::buffer(handshake.hello().data(), handshake.hello().size()));
  if (sent.has_error()) co_return sent.error();
  Bytes seen;
  for (;;) {
    const auto more = co_await read_more(raw, seen, until);
    if (more.has_error()) co_return more.error();
    std::size_t consumed = 0;
    switch (handshake.feed(seen, consumed)) {
      case Progress::need_more:
        continue;
      case Progress::failed:
        co_return make_error_code(Errc::proof_refused);
      case Progress::done:
        rest.assign(seen.begin() + static_cast<std::ptrdiff_t>(consumed), seen.end());
        co_return Result<void>{};
    }
  }
}

// Errors are all alike to who is told nothing.
asio::awaitable<bool> is_client(Stream& raw, ServerHandshake& handshake, ReplayFilter& replays,
                                Clock::time_point until) {
  Bytes seen;
  for (;;) {
    const auto more = co_await read_more(raw, seen, until);
    if (more.has_error()) co_return false;
    const auto progress = handshake.feed(seen, unix_seconds(), replays);
    if (progress != Progress::need_more) co_return progress == Progress::done;
  }
}

}  // namespace

asio::awaitable<Result<Connection>> connect_over(StreamPtr raw, std::unique_ptr<ClientHandshake> handshake,
                                                 IatMode iat, std::optional<UserKey> user) {
  Bytes rest;
  const auto shaken = co_await shake_hands(*raw, *handshake, rest);
  if (shaken.has_error()) co_return shaken.error();
  Connection connection;
  connection.binding = binding_of(handshake->secret());
  StreamOptions options;
  options.iat = iat;
  if (user) {
    const auto proof = make_user_proof(*user, connection.binding);
    options.first_words.assign(proof.begin(), proof.end());
  }
  connection.stream =
      make_stream(std::move(raw), handshake->secret(), Role::client, std::move(options), std::move(rest));
  co_return std::move(connection);
}

asio::awaitable<Result<Connection>> accept_over(StreamPtr raw, ServerOptions options, ReplayFilter& replays,
                                                Clock::time_point accepted,
                                                std::function<void()> left_alone) {
  ServerHandshake handshake(options.identity);
  const bool client = co_await is_client(*raw, handshake, replays, accepted + options.introduction);
  if (!client) {
    if (left_alone) left_alone();
    co_await fall_silent(std::move(raw), accepted, options.silence);
    co_return make_error_code(Errc::proof_refused);
  }
  StreamOptions streaming;
  streaming.iat = options.iat;
  streaming.hello = handshake.reply();
  streaming.shaping = options.shaping;
  Connection connection;
  connection.binding = binding_of(handshake.secret());
  connection.stream = make_stream(std::move(raw), handshake.secret(), Role::server, std::move(streaming));
  co_return std::move(connection);
}

}  // namespace surang::obfs4
