// Whether a way carries more than a first answer, and how fast: a site's front page asked for by a flight of
// our own, certificate verified, until 64 KB have come, or more where connections stood still later. Confirms
// what goodput_monitor suspects, and stands before a host that was frozen or throttled may go that way again.
// HTTP/1.1 alone (RFC 9112): what a site speaks is not in question.
#pragma once

#include <memory>
#include <string>

#include "client/detection/progress.hpp"
#include "client/detection/race.hpp"

typedef struct ssl_ctx_st SSL_CTX;

namespace surang::client {

struct BulkResult {
  bool complete = false;    ///< enough has come, or all that the site gives, without standing still
  bool stalled = false;     ///< it stood still, after `bytes`
  bool late = false;        ///< it still came when the time was up, or too slowly
  std::uint64_t bytes = 0;  ///< from the site, as they travel
  double rate = 0;          ///< bytes a second while they came
  error_code error;         ///< why it is not complete; Errc::timed_out when the time was up, at `rate`
};

/// Asks for `GET /` of `host`, 16 times at most, on one connection to `to` by `way`, for at most 8 s once
/// that stands, until `enough` bytes have come, or it is plain that they come at less than half of
/// `least_rate` (bytes a second; then it is late). Plain HTTP on ports 80 and 8080. Leaves nothing running
/// behind.
asio::awaitable<BulkResult> bulk_proof(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                       Way way, Endpoint to, std::string host,
                                       std::shared_ptr<SSL_CTX> context, std::uint64_t enough = kCredit,
                                       double least_rate = 0);

/// As many bytes as a proof asks for where connections stood still after `point`; zero: not known.
std::uint64_t proof_beyond(std::uint64_t point) noexcept;

enum class Again {
  no,
  yes,
  unclear,  ///< all that the site gives comes, and is less than connections stood still after
};

/// Whether the direct way of a host convicted by `how` (Signal::frozen, throttled) carries again: all of a
/// proof, for one that was throttled at more than a third of the tunnel's rate, and for one that was frozen
/// more than `point`, where its connections stood still (zero: not known).
asio::awaitable<Again> carries_again(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits,
                                     Signal how, Endpoint to, std::string host,
                                     std::shared_ptr<SSL_CTX> context, std::uint64_t point);

}  // namespace surang::client
