// What comes in at a fronted listener: HTTP of edges, whose requests make up sessions of users. All of one
// listener belongs to one worker, since every request must find its session. worker runs it.
#pragma once

#include <functional>

#include "bridge-server/listeners/trusted_edges.hpp"
#include "bridge-server/listeners/worker.hpp"
#include "transports/fronted/origin.hpp"

namespace surang::bridge {

class FrontedListener {
 public:
  /// Serves a session whose far end is known, to its end.
  using Serve = std::function<asio::awaitable<void>(Authenticated)>;

  /// `shared` must outlive it. Errc::bad_input with `why` where the certificate cannot be used.
  static Result<std::unique_ptr<FrontedListener>> make(asio::any_io_executor executor, Shared& shared,
                                                       const config::ListenerOptions& options, Serve serve,
                                                       std::string& why);
  ~FrontedListener();

  /// Deals with one connection to its end, which came from `peer`.
  asio::awaitable<void> handle(StreamPtr connection, asio::ip::address peer);

  void drain();
  void stop();  ///< breaks all sessions
  /// Reads the certificate again; Errc::bad_input with `why`, and the old one stays.
  Result<void> reload(std::string& why);

 private:
  struct Impl;
  explicit FrontedListener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::bridge
