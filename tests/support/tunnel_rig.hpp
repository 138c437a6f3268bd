// A whole tunnel in memory for the tests: a TunnelDialer, a transport that can be told to fail, go silent or
// break, the acceptor, and an egress whose destinations are named after what they do.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tunnel/h2_dialer.hpp"
#include "transports/tunnel/tunnel_acceptor.hpp"
#include "transports/tunnel/tunnel_dialer.hpp"

namespace surang::test {

/// Byte number `at` of a stream that does not repeat soon.
inline std::uint8_t pattern(std::uint64_t at) {
  return static_cast<std::uint8_t>((at * 0x9E3779B97F4A7C15u) >> 56);
}

/// Destinations: echo.test gives back what it gets and ends when told the end; source.test sends
/// `source_bytes` of the pattern and ends; sink.test checks the pattern, and answers with "ok" or "bad" and
/// the count at the end; reset.test resets at the first byte; stall.test never reads; slow.test takes `slow`
/// to be dialled; the others are errors.
class ScriptedEgress : public Dialer {
 public:
  explicit ScriptedEgress(asio::any_io_executor executor);
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override;

  std::uint64_t source_bytes = 0;
  std::chrono::milliseconds slow{50};
  int dials = 0, dials_cancelled = 0;
  std::size_t chunk = SIZE_MAX;
  TaskGroup tasks;

 private:
  asio::any_io_executor executor_;
};

/// `inner`, but what is written while `swallow` is lost; `first_write` gets the size of the first write.
StreamPtr watched_stream(StreamPtr inner, std::size_t& first_write, bool& swallow);

struct RigOptions {
  std::size_t chunk = SIZE_MAX;
  tunnel::TunnelDialerOptions client;
  tunnel::ServeLimits server;
};

class Rig : public TransportDialer {
 public:
  explicit Rig(asio::any_io_executor executor, RigOptions options = {});

  std::string_view name() const noexcept override { return "rig"; }
  asio::awaitable<Result<Authenticated>> connect() override;

  /// Cuts every transport connection as a killed bridge would.
  void kill_bridge();
  asio::awaitable<void> close();

  int fail_next = 0;         ///< connects that fail from now on
  bool black_hole = false;   ///< new connections reach nobody
  bool wrong_proof = false;  ///< the bridge knows another secret
  int connects = 0;
  std::chrono::milliseconds connect_takes{0};
  bool swallow = false;           ///< what either end writes is lost from now on
  std::size_t first_answer = 0;   ///< the same of the bridge
  std::size_t first_write = 0;    ///< bytes in the first transport write of the last connection
  std::vector<error_code> ended;  ///< how serve() ended

  ScriptedEgress egress;
  tunnel::Control* control = nullptr;   ///< answers questions; null: a bridge of before there were any
  DatagramOpener* datagrams = nullptr;  ///< the same of flows
  tunnel::ServeCounters counters;
  std::atomic<std::uint64_t> user_bytes{0};
  std::atomic<bool> drain{false};
  UserKey user;
  TaskGroup bridge;
  const std::unique_ptr<tunnel::SessionDialer> sessions;
  tunnel::TunnelDialer dialer;

 private:
  asio::awaitable<void> serve(StreamPtr stream, std::array<std::uint8_t, 32> binding);

  asio::any_io_executor executor_;
  RigOptions options_;
  std::vector<StreamPtr> holes_;
};

/// Writes `bytes` of the pattern, then ends.
asio::awaitable<void> send_pattern(Stream& to, std::uint64_t bytes);
/// Reads to the end; how many bytes were as they should be, or -1.
asio::awaitable<std::int64_t> check_pattern(Stream& from);

}  // namespace surang::test
