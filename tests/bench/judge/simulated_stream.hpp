// A connection in the simulated network: answers a first flight after as long as path and site take, or as
// the censor wants it, and brings what is asked for as fast as the line or the censor lets it. What a probe
// says is answered with real TLS and HTTP; what a browser says behind its hello is one record that names the
// size of what it wants.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <string_view>

#include "tests/bench/judge/simulated_network.hpp"
#include "tests/bench/judge/simulated_tcp.hpp"

namespace surang::judge {

/// What comes of it; a censor's reset and end come from half way.
enum class Fate { answers, reset, fin, reset_by_site, silent, impostor, bridge_says_down };

/// The record by which a browser asks for `size` bytes, and the one that tells it of a false certificate.
std::vector<std::uint8_t> request_record(std::size_t size);
bool tells_impostor(std::span<const std::uint8_t> answer);
/// What a browser says to that.
std::vector<std::uint8_t> certificate_alert();

class SimulatedStream final : public Stream {
 public:
  /// `rtt` of the whole path. `direct`: its bytes are counted, and pass the censor.
  SimulatedStream(SimulatedNetwork& network, const Site* site, Fate fate, Clock::duration rtt, bool direct);
  ~SimulatedStream() override;

  asio::any_io_executor executor() override { return network_.executor_; }
  Result<std::size_t> try_read(asio::mutable_buffer into) override;
  asio::awaitable<Result<void>> wait_readable() override;
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override;
  asio::awaitable<Result<void>> shutdown_write() override { co_return Result<void>{}; }
  void close(bool abort) noexcept override;
  int native_socket() const noexcept override { return direct_ ? tcp_.number() : -1; }
  int carrier_socket() const noexcept override { return tcp_.number(); }

 private:
  struct Server;
  struct Arrival {
    Clock::time_point at;
    std::vector<std::uint8_t> bytes;
  };
  void count(std::size_t bytes, bool flight);
  void meet_censor(std::span<const std::uint8_t> flight);
  std::vector<std::uint8_t> answer_to(std::span<const std::uint8_t> said, bool first);
  std::vector<std::uint8_t> http_answer(std::string_view request);
  /// Puts it on the way, piece by piece.
  void send(std::vector<std::uint8_t> bytes);
  bool cut_off() const;
  /// Whether what is said now arrives at the site.
  bool is_heard() const;

  SimulatedNetwork& network_;
  const Site* site_;
  Fate fate_;
  const Clock::duration rtt_;
  const bool direct_;
  const int provider_;
  SimulatedTcp tcp_;
  bool said_ = false, closed_ = false, browser_ = false, http_ = false, answered_ = false;
  std::size_t hello_left_ = 0;  // to come before it is whole
  std::vector<std::uint8_t> session_id_;
  asio::steady_timer ready_;
  std::deque<Arrival> arrivals_;
  std::size_t read_ = 0;                              // of the first
  Clock::time_point end_ = Clock::time_point::max();  // when the censor's word is there
  Clock::time_point line_free_{};
  std::size_t window_, sent_ = 0;
  std::unique_ptr<Server> server_;
};

}  // namespace surang::judge
