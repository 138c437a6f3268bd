// Carries a session of the client's by requests to an edge: upload brings the stream up, one GET, or one
// two-way POST where the edge lets that through, brings it down; whatever is lost on the way is asked for
// again (PROTOCOL.md, fronted, Requests). fronted_dialer runs one for each session.
#pragma once

#include <memory>

#include "transports/core/task_group.hpp"
#include "transports/fronted/edge.hpp"
#include "transports/fronted/edge_requests.hpp"
#include "transports/fronted/request_path.hpp"
#include "transports/fronted/session.hpp"
#include "transports/fronted/upload.hpp"

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
  /// A two-way request that brings the stream down, or is to.
  enum class TwoWay { none, asked, carries };

  asio::awaitable<void> bring_down();
  asio::awaitable<Result<void>> get_once();
  asio::awaitable<Result<void>> two_way_once();
  asio::awaitable<void> try_two_way();
  asio::awaitable<Result<void>> two_way_decided();
  asio::awaitable<Result<void>> read_down(tunnel::H2Stream& request, std::uint64_t from,
                                          Upload::OpenPtr open = nullptr);
  void set_two_way(TwoWay now);
  bool may_try_two_way(std::size_t got) const;

  asio::any_io_executor executor_;
  EdgeModes& modes_;
  const std::shared_ptr<Session> session_;
  EdgeRequests requests_;
  TaskGroup tasks_;
  Upload upload_;
  tunnel::H2Stream* get_ = nullptr;  // while its answer is read
  unsigned gets_ = 0;
  TwoWay two_way_ = TwoWay::none;
  Wakeup two_way_changed_;
};

}  // namespace surang::fronted
