#include "transports/obfs4/obfs4_acceptor.hpp"

#include "transports/core/timeout.hpp"
#include "transports/obfs4/user_proof.hpp"

namespace surang::obfs4 {
namespace {

using Clock = std::chrono::steady_clock;

// On top of the time for a hello, before a failed connection ends; obfs4's own range.
constexpr unsigned kMostPatience = 60;

class Obfs4Acceptor final : public TransportAcceptor {
 public:
  Obfs4Acceptor(ServerOptions options, const UserDirectory& users, ReplayFilter& replays,
                AcceptorCounters& counters)
      : options_(std::move(options)), users_(users), replays_(replays), counters_(counters) {
    options_.silence.held = &counters.held;
  }

  std::string_view name() const noexcept override { return "obfs4"; }

  asio::awaitable<Result<Authenticated>> accept(StreamPtr raw, std::function<void()> left_alone) override {
    const auto accepted = Clock::now();
    auto connection = co_await accept_over(std::move(raw), options_, replays_, accepted, left_alone);
    if (connection.has_error()) {
      ++counters_.strangers;
      co_return connection.error();
    }
    UserProof proof{};
    const auto said = co_await with_timeout(accepted + options_.introduction - Clock::now(),
                                            connection->stream->read_exactly(asio::buffer(proof)));
    const auto user = said.has_error() ? std::nullopt : user_of(proof, connection->binding, users_);
    if (!user) {
      ++counters_.unknown_users;
      if (left_alone) left_alone();
      co_await fall_silent(connection->stream->release(), accepted, options_.silence);
      co_return make_error_code(Errc::proof_refused);
    }
    ++counters_.users;
    Authenticated out;
    out.user = user->id;
    out.binding = connection->binding;
    out.stream = std::move(connection->stream);
    co_return std::move(out);
  }

  asio::awaitable<void> turn_away(StreamPtr raw) override {
    return fall_silent(std::move(raw), Clock::now(), options_.silence);
  }

 private:
  ServerOptions options_;
  const UserDirectory& users_;
  ReplayFilter& replays_;
  AcceptorCounters& counters_;
};

}  // namespace

std::unique_ptr<TransportAcceptor> make_acceptor(ServerOptions options, const UserDirectory& users,
                                                 ReplayFilter& replays, AcceptorCounters& counters) {
  return std::make_unique<Obfs4Acceptor>(std::move(options), users, replays, counters);
}

ServerOptions options_from(std::span<const std::uint8_t> bridge_secret) {
  ServerOptions options;
  Seed lengths{};
  derive_key(bridge_secret, "obfs4 lengths", lengths);
  options.shaping = std::make_shared<const Shaping>(lengths);
  std::array<std::uint8_t, 1> patience{};
  derive_key(bridge_secret, "obfs4 silence", patience);
  options.silence.until_end = options.introduction + std::chrono::seconds(patience[0] % kMostPatience);
  return options;
}

}  // namespace surang::obfs4
