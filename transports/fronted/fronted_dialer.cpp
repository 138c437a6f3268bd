#include "transports/fronted/fronted_dialer.hpp"

#include <boost/asio/this_coro.hpp>
#include <optional>
#include <utility>

#include "transports/fronted/channel.hpp"
#include "transports/fronted/edge_carrier.hpp"
#include "transports/tls/hello_profile.hpp"

namespace surang::fronted {
namespace {

// What carries a session, which its tasks keep: its dialer may be gone by then.
struct Carried {
  Carried(asio::any_io_executor executor, std::shared_ptr<Edge> by, const UserKey& user,
          const SessionName& name, std::shared_ptr<Session> what)
      : edge(std::move(by)),
        session(what),
        carrier(std::move(executor), *edge, user, name, std::move(what)) {}
  const std::shared_ptr<Edge> edge;
  const std::shared_ptr<Session> session;
  EdgeCarrier carrier;
};

asio::awaitable<void> carry(std::shared_ptr<Carried> carried) {
  struct Ended {
    Session& session;
    ~Ended() { session.fail(make_error_code(Errc::closed)); }  // nobody waits for what is carried no more
  };
  const Ended ended{*carried->session};
  carried->carrier.kept_by(carried);
  co_await carried->carrier.run();
}

class FrontedDialer final : public TransportDialer {
 public:
  FrontedDialer(const BridgeIdentity& bridge, Front front, Dialer& tcp)
      : bridge_(bridge),
        front_(std::move(front)),
        tcp_(tcp),
        context_(tls::make_hello_context(bridge.user)) {}

  std::string_view name() const noexcept override { return "fronted"; }
  bool resumes() const noexcept override { return true; }

  asio::awaitable<Result<Authenticated>> connect() override {
    const auto executor = co_await asio::this_coro::executor;
    if (!edge_) {
      edge_ = std::make_shared<Edge>(executor, tcp_, context_, front_);
      sessions_.emplace(executor);
    }
    const auto edge = edge_;
    // A session bears with much; one that does not begin is told at once.
    const auto reached = co_await edge->reach();
    if (!reached) co_return reached.error();
    const auto name = draw_session_name(bridge_.user.id, bridge_.public_key);
    const auto session = std::make_shared<Session>(executor, SessionLimits{});
    sessions_->spawn(carry(std::make_shared<Carried>(executor, edge, bridge_.user, name, session)));
    co_return co_await connect_channel(make_stream(session), bridge_.user, bridge_.public_key, name);
  }

 private:
  const BridgeIdentity bridge_;
  const Front front_;
  Dialer& tcp_;
  const std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<Edge> edge_;  // made with the first session, which tells the executor
  std::optional<TaskGroup> sessions_;
};

}  // namespace

Result<std::unique_ptr<TransportDialer>> make_dialer(const TransportSpec& spec, const BridgeIdentity& bridge,
                                                     Dialer& tcp, std::string& why) {
  auto front = read_front(spec, why);
  if (!front) return front.error();
  return std::unique_ptr<TransportDialer>(std::make_unique<FrontedDialer>(bridge, std::move(*front), tcp));
}

Result<std::string> hello_ja4(const TransportSpec& spec, const BridgeIdentity& bridge, std::string& why) {
  const auto front = read_front(spec, why);
  if (!front) return front.error();
  const auto context = tls::make_hello_context(bridge.user);
  auto ssl = make_client(context.get(), *front);
  const auto told = ssl ? tls::hello_ja4(std::move(ssl)) : std::nullopt;
  if (told) return *told;
  why = "OpenSSL writes no hello";
  return make_error_code(Errc::protocol);
}

}  // namespace surang::fronted
