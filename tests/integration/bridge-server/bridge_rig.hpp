// The real surang-bridge in a folder of its own, and clients of it through the real https transport and
// tunnel. Destinations and the cover site are servers on loopback.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/json/object.hpp>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/share_link.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tcp/system_resolver.hpp"
#include "transports/tcp/tcp_dialer.hpp"
#include "transports/tunnel/tunnel_dialer.hpp"

namespace surang::test {

/// What a program printed and how it ended.
struct Outcome {
  int code = -1;
  std::string out;  ///< stdout and stderr together
};

/// Runs a program to its end, at most `limit`.
Outcome run_program(std::vector<std::string> arguments,
                    std::chrono::seconds limit = std::chrono::seconds(20));

/// Gives back what it gets.
class EchoServer {
 public:
  explicit EchoServer(asio::io_context& io);
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  asio::awaitable<void> accept();
  TaskGroup tasks_;
  asio::ip::tcp::acceptor acceptor_;
};

/// Says "cover" to everybody at the first byte and waits for the end.
class CoverServer {
 public:
  explicit CoverServer(asio::io_context& io);
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  int visits = 0;

 private:
  asio::awaitable<void> accept();
  TaskGroup tasks_;
  asio::ip::tcp::acceptor acceptor_;
};

/// A port of loopback that nobody listens on at the moment.
std::uint16_t free_port();

/// An installation and, between start() and its end, the running program.
class BridgeProcess {
 public:
  /// `init` on 127.0.0.1 with the user "me"; loopback is opened as a destination. `obfs4_port` 0: by https
  /// alone.
  explicit BridgeProcess(std::uint16_t cover_port, std::uint16_t obfs4_port = 0);
  ~BridgeProcess();  ///< ends it, and checks that it ends well and no sanitizer complains

  /// Replaces a text in the configuration file, which must have it.
  void edit(std::string_view what, std::string_view with);
  void start();  ///< until it listens
  void signal(int number) const;
  /// Its exit code; -1 when it has not ended within `limit`.
  int wait(std::chrono::milliseconds limit);
  /// Waits until the log has `text`.
  bool logged(std::string_view text, std::chrono::seconds limit = std::chrono::seconds(10));
  std::string log();

  Outcome command(std::vector<std::string> arguments) const;
  boost::json::object status() const;
  /// A link as `link`, `user add` or `init` print it, with the real port in it.
  config::ShareLink link(const std::string& user) const;
  /// The same with that transport alone.
  config::ShareLink link_by(const std::string& transport, const std::string& user) const;

  std::filesystem::path dir;
  std::uint16_t port = 0;
  unsigned limit_descriptors = 0;  ///< set before start(); 0: the system's limit

 private:
  void read_log(int from);
  int pid_ = -1;
  std::thread reader_;
  std::mutex mutex_;
  std::condition_variable grown_;
  std::string log_;
};

/// One user's way through the bridge.
class BridgeClient {
 public:
  /// `tcp` opens the connections to the bridge; by default plainly.
  BridgeClient(asio::io_context& io, const config::ShareLink& link, Dialer* tcp = nullptr);

  /// Sends `text` to an echo server and takes it back: true when all of it came.
  asio::awaitable<bool> echoes(Stream& stream, std::string text);
  /// Opens a connection to 127.0.0.1:`port` through the bridge and tries it with an echo; null when refused.
  asio::awaitable<StreamPtr> open(std::uint16_t port);
  /// What the bridge says about a destination that it does not dial.
  asio::awaitable<error_code> refusal(Endpoint to);

 private:
  SystemResolver resolver_;
  TcpDialer plain_{resolver_, {}};
  std::unique_ptr<tunnel::SessionDialer> sessions_;

 public:
  std::unique_ptr<tunnel::TunnelDialer> tunnel;
};

}  // namespace surang::test
