// Background recovery: while a host goes round a block and is in use, its direct way is tried again now and
// then. One success returns it to direct; one more failure, by contrast, renews the verdict for longer.
#pragma once

#include <memory>

#include "client/detection/learner.hpp"
#include "client/detection/race.hpp"

typedef struct ssl_ctx_st SSL_CTX;

namespace surang::client {

struct ProberOptions {
  Clock::duration tick = std::chrono::seconds(2);  ///< how often what is due is looked for
  std::size_t at_once = 4;                         ///< retests side by side, over all hosts
  /// Hosts that are never asked by a flight of our own; may be empty.
  std::function<bool(const std::string& host)> spared;
  /// After how many bytes connections to a host stood still; zero where it is not known. May be empty.
  std::function<std::uint64_t(const std::string& host)> froze_at;
  /// Runs a retest beside the prober. It holds what it was given here until it has unwound.
  std::function<void(asio::awaitable<void>)> spawn;
  /// Made when the first verdict of a kind that only a certificate can clear is retested.
  std::function<std::shared_ptr<SSL_CTX>()> tls_context;
};

/// Runs until cancelled. What it is given must outlive it and what it spawned.
asio::awaitable<void> run_prober(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                 Learner& learner, ProberOptions options);

/// One attempt by `way` with a certificate that has to verify; Errc::certificate, Errc::timed_out, or what
/// the network said. Proof that it is the site which answers there, where a ServerHello is none.
asio::awaitable<Result<void>> verified(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                       Way way, Endpoint to, std::string host,
                                       std::shared_ptr<SSL_CTX> context);

}  // namespace surang::client
