#include "bridge-server/listeners/worker.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <list>

#include "bridge-server/cover/remembering_resolver.hpp"
#include "bridge-server/egress/reach_check.hpp"
#include "bridge-server/egress/user_share.hpp"
#include "bridge-server/listeners/fronted_listener.hpp"
#include "bridge-server/listeners/proxy_header_reader.hpp"
#include "bridge-server/listeners/share_port.hpp"
#include "transports/core/process.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/congestion.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tcp/tcp_stream.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::bridge {

namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr auto kProxyHeaderLimit = 5s;

TcpDialerOptions egress_options(Shared& shared) {
  TcpDialerOptions options;
  options.bbr = true;
  options.admit = [&shared](std::vector<asio::ip::address> addresses, std::uint16_t port) {
    return shared.egress.load()->admit(std::move(addresses), port);
  };
  return options;
}

}  // namespace

struct Worker::Impl {
  explicit Impl(Shared& given)
      : shared(given),
        tasks(io.get_executor()),
        cover_names(io.get_executor(), resolver),
        egress(resolver, egress_options(given)),
        reach(io.get_executor(), resolver, egress_options(given), tls::make_client_context()),
        cover(cover_names, {}) {
    make_https();
  }

  // Everything of one authenticated connection; cut by cancelling `task`.
  struct Session {
    Session(std::shared_ptr<Account> whose, asio::any_io_executor executor)
        : account(std::move(whose)), task(std::move(executor)) {}
    std::shared_ptr<Account> account;
    TaskGroup task;
  };

  void make_https() {
    const auto options = shared.options.load();
    https::AcceptorOptions https_options;
    https_options.public_key = shared.keys.public_key;
    https_options.cover = options->cover;
    https_options.max_covered = shared.max_covered;
    https_acceptor =
        https::make_acceptor(https_options, shared.users, *shared.replays, cover, shared.accepted);
    cover_names.prefetch(options->cover.host());
  }

  std::shared_ptr<TransportAcceptor> acceptor_for(const config::ListenerOptions& listener) {
    if (listener.transport == "https") return https_acceptor;
    auto& acceptor = obfs4_acceptors[listener.iat_mode];
    if (!acceptor) {
      auto options = obfs4::options_from(shared.keys.secret);
      options.identity.node = {shared.keys.node_id, shared.keys.public_key};
      options.identity.private_key = shared.keys.private_key;
      options.iat = static_cast<obfs4::IatMode>(listener.iat_mode);
      options.silence.most = shared.max_covered;
      acceptor = obfs4::make_acceptor(options, shared.users, shared.obfs4_replays, shared.obfs4_accepted);
    }
    return acceptor;
  }

  struct Listening {
    tcp::acceptor socket;  // closed where the transport is quic
    config::ListenerOptions options;
    std::unique_ptr<FrontedListener> fronted;  // of that transport only
    std::unique_ptr<quic::Listener> quic;      // the same
  };

  std::unique_ptr<quic::Listener> make_quic() {
    quic::ListenerOptions options;
    options.public_key = shared.keys.public_key;
    options.secret = shared.keys.secret;
    options.limits = limits;
    const auto admit = [this](const asio::ip::address& from) -> std::shared_ptr<void> {
      auto pass = std::make_shared<HandshakeGate::Pass>(
          shared.gate.enter(unmapped(from), shared.options.load()->max_handshakes_per_address));
      if (*pass) return pass;
      ++shared.refused_address;
      return nullptr;
    };
    return std::make_unique<quic::Listener>(io.get_executor(), options, shared.users, *shared.replays,
                                            shared.quic, admit,
                                            [this](std::unique_ptr<quic::ServedSession> session) {
                                              tasks.spawn(serve_quic(std::move(session)));
                                            });
  }

  asio::awaitable<void> accept_loop(Listening& at) {
    auto& socket = at.socket;
    while (socket.is_open()) {
      error_code ec;
      tcp::socket peer = co_await socket.async_accept(asio::redirect_error(asio::use_awaitable, ec));
      if (!ec) {
        ++shared.connections;
        tasks.spawn(handle(std::move(peer), at));
      } else if (ec == asio::error::operation_aborted) {
        co_return;
      } else if (ec == asio::error::no_descriptors ||
                 ec == boost::system::errc::too_many_files_open_in_system ||
                 ec == asio::error::no_buffer_space || ec == asio::error::no_memory) {
        if (!short_of_descriptors)
          spdlog::error("cannot accept: {}; raise the limit of open files", ec.message());
        short_of_descriptors = true;
        asio::steady_timer pause(io, 200ms);
        co_await pause.async_wait(asio::use_awaitable);
      }
    }
  }

  asio::awaitable<void> handle(tcp::socket socket, Listening& at) {
    error_code ec;
    const auto peer = socket.remote_endpoint(ec);
    if (ec) co_return;
    tune_carrier(static_cast<int>(socket.native_handle()));
    auto address = peer.address();
    auto stream = make_tcp_stream(std::move(socket));
    if (at.options.proxy_protocol) {
      // Bounded before the header tells whom to count, since only the balancer should reach this port.
      auto told = co_await with_timeout(kProxyHeaderLimit, read_proxy_header(*stream));
      if (!told) {
        ++shared.refused_proxy_header;
        co_return;
      }
      if (told->source) address = told->source->address();
    }
    if (at.fronted) co_return co_await at.fronted->handle(std::move(stream), address);
    const auto acceptor = acceptor_for(at.options);
    auto pass = std::make_shared<HandshakeGate::Pass>(
        shared.gate.enter(address, shared.options.load()->max_handshakes_per_address));
    if (!*pass) {
      ++shared.refused_address;
      co_await acceptor->turn_away(std::move(stream));
      co_return;
    }
    const std::function<void()> left_alone = [pass] { *pass = {}; };
    auto peer_known = co_await acceptor->accept(std::move(stream), left_alone);
    left_alone();
    if (peer_known) co_await serve(std::move(*peer_known));
  }

  asio::awaitable<void> serve(Authenticated peer) {
    const auto user = peer.user;
    const Means means = [&](Account& account, tunnel::Control& control, DatagramOpener& datagrams) {
      return tunnel::serve(std::move(peer), account.key, egress, limits, shared.served, account.used,
                           shared.draining, &control, &datagrams);
    };
    co_await serve_user(user, means);
  }

  asio::awaitable<void> serve_quic(std::unique_ptr<quic::ServedSession> session) {
    const Means means = [&](Account& account, tunnel::Control& control, DatagramOpener& datagrams) {
      return session->serve(egress, shared.served, account.used, shared.draining, &control, &datagrams);
    };
    co_await serve_user(session->user().id, means);
  }

  // How a session is served with what its user has.
  using Means = std::function<asio::awaitable<Result<void>>(Account&, tunnel::Control&, DatagramOpener&)>;

  // `means` is held by the caller.
  asio::awaitable<void> serve_user(UserId user, const Means& means) {
    auto account = shared.users.account(user);
    if (!account || !account->in_good_standing(unix_now())) co_return;
    if (account->sessions.fetch_add(1) >= shared.options.load()->max_sessions_per_user) {
      --account->sessions;
      ++shared.refused_sessions;
      co_return;
    }
    const auto session = sessions.emplace(sessions.end(), account, io.get_executor());
    ++open;
    session->task.spawn(run_session(means, account));
    co_await session->task.join();
    --account->sessions;
    --open;
    sessions.erase(session);
  }

  asio::awaitable<void> run_session(const Means& means, std::shared_ptr<Account> account) {
    const auto id = ++next_id;
    spdlog::debug("s{}: session opens", id);
    UserControl control(reach, account);
    UserDatagrams datagrams(io.get_executor(), resolver, egress_options(shared).admit, account);
    const auto ended = co_await means(*account, control, datagrams);
    spdlog::debug("s{}: session ends: {}", id, ended ? "done" : ended.error().message());
  }

  void cut_sessions(bool all) {
    const auto now = unix_now();
    // Ending a session may erase it at once: step before cancelling.
    for (auto it = sessions.begin(); it != sessions.end();) {
      auto& session = *it++;
      if (all || !session.account->in_good_standing(now)) session.task.cancel();
    }
  }

  // A session of fronted still needs connections; but none begins.
  void stop_listening(bool all) {
    for (auto& at : listening) {
      error_code ignored;
      if (at.fronted) at.fronted->drain();
      if (at.quic) at.quic->drain();
      if (!at.fronted || all) at.socket.close(ignored);
    }
  }

  void reload() {
    make_https();
    for (auto& at : listening) {
      std::string why;
      if (at.fronted && !at.fronted->reload(why)) spdlog::error("the old certificate stays: {}", why);
    }
  }

  Shared& shared;
  asio::io_context io{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};  // its sockets are used by one thread
  SystemResolver resolver;
  TaskGroup tasks;
  RememberingResolver cover_names;
  TcpDialer egress;
  ReachCheck reach;
  TcpDialer cover;
  tunnel::ServeLimits limits;
  std::shared_ptr<TransportAcceptor> https_acceptor;                  // a reload replaces it
  std::array<std::shared_ptr<TransportAcceptor>, 3> obfs4_acceptors;  // by iat-mode, made when asked for
  std::list<Listening> listening;
  std::list<Session> sessions;
  std::atomic<std::size_t> open{0};
  std::uint64_t next_id = 0;
  bool short_of_descriptors = false;
  std::thread thread;
};

Worker::Worker(Shared& shared) : impl_(std::make_unique<Impl>(shared)) {}
Worker::~Worker() {
  stop();
}

Result<void> Worker::listen(config::ListenerOptions& listener, std::string& why) {
  tcp::acceptor socket(impl_->io);
  error_code ec;
  const auto& at = listener.address;
  const auto refuse = [&] {
    why = Endpoint(at.address(), at.port()).to_string() + ": " + (why.empty() ? ec.message() : why);
    return ec;
  };
  if (listener.transport == "quic") {
    auto quic = impl_->make_quic();
    const auto bound = quic->listen({at.address(), at.port()});
    if (!bound) ec = bound.error();
    if (!bound) return refuse();
    listener.address.port(bound->port());
    impl_->listening.push_back({std::move(socket), listener, nullptr, std::move(quic)});
    return {};
  }
  std::unique_ptr<FrontedListener> fronted;
  if (listener.transport == "fronted") {
    auto* impl = impl_.get();
    auto made = FrontedListener::make(
        impl->io.get_executor(), impl->shared, listener,
        [impl](Authenticated peer) { return impl->serve(std::move(peer)); }, why);
    if (!made) ec = made.error();
    if (!made) return refuse();
    fronted = std::move(*made);
  }
  if (socket.open(at.protocol(), ec); ec) return refuse();
  // Lets a restarted bridge bind at once.
  socket.set_option(tcp::acceptor::reuse_address(true), ec);
  if (at.address().is_v6() && at.address().is_unspecified()) socket.set_option(asio::ip::v6_only(false), ec);
  if (!fronted) share_port(static_cast<int>(socket.native_handle()), ec);
  if (ec) return refuse();
  if (socket.bind(at, ec); ec) return refuse();
  if (socket.listen(4096, ec); ec) return refuse();
  listener.address = socket.local_endpoint();
  impl_->listening.push_back({std::move(socket), listener, std::move(fronted), nullptr});
  return {};
}

void Worker::start() {
  for (auto& at : impl_->listening) impl_->tasks.spawn(impl_->accept_loop(at));
  impl_->thread = start_thread([this] { impl_->io.run(); });
}

void Worker::reload() {
  asio::post(impl_->io, [this] { impl_->reload(); });
}

void Worker::cut_sessions() {
  asio::post(impl_->io, [this] { impl_->cut_sessions(false); });
}

void Worker::stop_listening() {
  asio::post(impl_->io, [this] { impl_->stop_listening(false); });
}

std::size_t Worker::open_sessions() const noexcept {
  return impl_->open;
}

void Worker::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(impl_->io, [this] {
    impl_->stop_listening(true);
    impl_->cut_sessions(true);
    for (auto& at : impl_->listening) {
      if (at.fronted) at.fronted->stop();
      if (at.quic) at.quic->stop();
    }
    impl_->tasks.cancel();
    impl_->reach.stop();
  });
  impl_->thread.join();
}

}  // namespace surang::bridge
