// A stream by a lane that goes over to another when its own is lost before anything was heard, so that
// whoever uses it need not notice: what was written so far is said again there, where it may be said twice.
// From the first byte on it only passes on. Made by bridge_pool for every dial.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "client/bridges/lane.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::client {

/// A stream and the session that carries it.
struct Carried {
  Carried(LanePtr by, StreamPtr opened)
      : lane(std::move(by)), session(lane->carrier->status().session), stream(std::move(opened)) {}
  LanePtr lane;
  tunnel::SessionNumber session;
  StreamPtr stream;
};

class MovableStream final : public Stream, public boost::intrusive::list_base_hook<> {
 public:
  /// What it asks of the pool.
  class Pool {
   public:
    virtual ~Pool() = default;
    /// By a lane that works, looked for if need be.
    virtual asio::awaitable<Result<Carried>> another(Endpoint to) = 0;
    /// Until no search runs.
    virtual asio::awaitable<void> searched() = 0;
    virtual bool may_repeat(std::span<const std::uint8_t> said) const = 0;
    /// Something was sent by it that has an answer.
    virtual void used(const LanePtr& lane) = 0;

    boost::intrusive::list<MovableStream> unanswered;
  };

  /// `proven`: the lane has shown that it works; what may be said once is not said before that.
  MovableStream(const std::shared_ptr<Pool>& pool, Endpoint to, Carried carried, bool proven);
  ~MovableStream() override;

  /// The pool has settled on this session; a stream by any other may go over to it.
  void settled_on(const Lane& lane, tunnel::SessionNumber session);

  bool by(const Lane& lane) const { return at_.lane.get() == &lane; }
  std::chrono::steady_clock::time_point since() const { return since_; }

  asio::any_io_executor executor() override { return at_.stream->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override;
  asio::awaitable<Result<void>> wait_readable() override;
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override;
  asio::awaitable<Result<void>> shutdown_write() override;
  void close(bool abort = false) noexcept override;
  int carrier_socket() const noexcept override { return at_.stream->carrier_socket(); }
  asio::awaitable<Result<void>> wait_broken() override { return at_.stream->wait_broken(); }

 private:
  asio::awaitable<Result<void>> wait_for_answer();
  asio::awaitable<Result<void>> write_unanswered(asio::const_buffer from);
  asio::awaitable<void> move();
  asio::awaitable<void> moved();
  bool movable() const;
  bool lost_by(error_code why);
  void answered() noexcept;

  std::weak_ptr<Pool> pool_;
  const Endpoint to_;
  std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();  // on this session
  Carried at_;
  std::vector<StreamPtr> left_;     // by lanes before; somebody may still be writing there
  std::vector<std::uint8_t> said_;  // so far, while it may have to be said again
  Wakeup news_;
  int moves_ = 0;
  bool answered_ = false;  // or nothing can be done about it any more
  bool proven_, moving_ = false, closed_ = false, ended_ = false;
  bool lost_ = false;     // the session is gone
  bool unheard_ = false;  // and the bridge has done nothing with what was said
  bool due_ = false;      // the pool has settled on another
};

}  // namespace surang::client
