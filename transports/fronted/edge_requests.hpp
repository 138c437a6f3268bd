// What a session asks of an edge, request by request, and what an answer says (PROTOCOL.md, fronted,
// Requests). upload and edge_carrier ask by it.
#pragma once

#include <memory>

#include "transports/fronted/edge.hpp"
#include "transports/fronted/request_path.hpp"
#include "transports/fronted/session.hpp"

namespace surang::fronted {

class EdgeRequests {
 public:
  using Clock = std::chrono::steady_clock;

  /// `edge` must outlive it.
  EdgeRequests(asio::any_io_executor executor, Edge& edge, const UserKey& user, const SessionName& name,
               std::shared_ptr<Session> session);

  /// A request of `kind`, which says how far both directions have come; `up` is where its body begins.
  asio::awaitable<Result<Edge::Request>> ask(Note::Kind kind, std::uint64_t up);
  /// A POST of the stream's `size` bytes from `from` on, but for what the bridge has of them already, and its
  /// answer.
  asio::awaitable<Result<void>> post(Note::Kind kind, std::uint64_t from, std::size_t size);
  /// The same until the bridge has them, or the session is over.
  asio::awaitable<void> post_until_heard(Note::Kind kind, std::uint64_t from, std::size_t size);
  /// Waits for the answer to a POST, and acknowledges what it says the bridge has.
  asio::awaitable<Result<void>> hear_received(tunnel::H2Stream& request);
  /// Waits for the head of an answer that brings the stream's bytes from `from` on; its status.
  /// Errc::protocol: it is the edge's own, or there was none for long.
  asio::awaitable<Result<int>> hear_head(tunnel::H2Stream& request, std::uint64_t from);

  /// The bridge knows that all before has come.
  std::uint64_t told() const noexcept { return told_; }
  /// The bridge's stream has written all before, as it said last.
  std::uint64_t written_there() const noexcept { return written_there_; }
  /// What is asked now goes by the connection that has `request`.
  bool beside(const tunnel::H2Stream& request) const noexcept { return edge_.asks_beside(request); }
  void succeeded() noexcept {
    success_ = Clock::now();
    begun_ = true;
  }
  bool over() const noexcept { return session_->failure().failed(); }

  /// Between attempts at one thing: no pause after a success, then ever longer ones, which end when somebody
  /// else has reached the edge again. A session that had no success for long breaks.
  class Patience {
   public:
    explicit Patience(EdgeRequests& requests) : requests_(requests) {}
    void success() noexcept;
    asio::awaitable<void> failure(error_code why);

   private:
    EdgeRequests& requests_;
    unsigned failures_ = 0, pages_ = 0;
    Clock::time_point first_{};  // of them
  };

 private:
  asio::awaitable<Result<void>> attempt(Note::Kind kind, std::uint64_t from, std::size_t size);
  asio::awaitable<Result<Note>> read_received(tunnel::H2Stream& request);
  std::string path(Note::Kind kind, std::uint64_t up);

  asio::any_io_executor executor_;
  Edge& edge_;
  const UserNames names_;
  const SessionName name_;
  const std::shared_ptr<Session> session_;
  std::uint64_t told_ = 0, written_there_ = 0;
  Clock::time_point success_ = Clock::now();
  bool begun_ = false;  // there was one
};

}  // namespace surang::fronted
