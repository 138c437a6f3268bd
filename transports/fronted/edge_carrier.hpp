// Carries a session of the client's by requests to an edge: one GET brings the stream down, POSTs bring it
// up, several at a time; whatever is lost on the way is asked for again (PROTOCOL.md, fronted, Requests).
// fronted_dialer runs one for each session.
#pragma once

#include <memory>

#include "transports/core/task_group.hpp"
#include "transports/fronted/edge.hpp"
#include "transports/fronted/request_path.hpp"
#include "transports/fronted/session.hpp"

namespace surang::fronted {

class EdgeCarrier {
 public:
  /// `edge` must outlive it, and it its tasks: kept_by().
  EdgeCarrier(asio::any_io_executor executor, Edge& edge, const UserKey& user, const SessionName& name,
              std::shared_ptr<Session> session);

  /// `owner` holds this and its edge; what run() has started keeps it until that has unwound.
  void kept_by(std::weak_ptr<const void> owner) { tasks_.kept_by(std::move(owner)); }

  /// Works until both directions have ended, the stream is left, which the bridge is told, or the session is
  /// broken: Errc::no_route when the bridge does not know it (any more), Errc::timed_out when nothing came
  /// through for long, else what the edge's last failure was.
  asio::awaitable<void> run();

 private:
  class Patience;

  asio::awaitable<void> bring_down();
  asio::awaitable<void> bring_up();
  asio::awaitable<void> post(Note::Kind kind, std::uint64_t from, std::size_t size);
  asio::awaitable<Result<void>> post_once(Note::Kind kind, std::uint64_t from, std::size_t size);
  asio::awaitable<Result<void>> get_once();
  asio::awaitable<Result<std::uint64_t>> read_received(tunnel::H2Stream& request);
  void tell_received();
  std::string path(Note::Kind kind, std::uint64_t up);
  bool over() const noexcept;

  asio::any_io_executor executor_;
  Edge& edge_;
  const UserNames names_;
  const SessionName name_;
  const std::shared_ptr<Session> session_;
  std::uint64_t told_ = 0;  // the bridge knows that all before has come
  std::size_t under_way_ = 0;
  bool telling_ = false;
  std::chrono::steady_clock::time_point success_ = std::chrono::steady_clock::now();
  Wakeup posted_;
  TaskGroup tasks_;
};

}  // namespace surang::fronted
