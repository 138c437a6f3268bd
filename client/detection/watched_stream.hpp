// A direct connection whose bytes are looked at on their way: until it has earned its credit it copies and
// keeps its Progress, from then on it stands aside and the relay splices (native_socket). Made by
// GoodputMonitor for the browser's connections, and by bulk_proof for its own.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <memory>
#include <string>

#include "client/detection/progress.hpp"
#include "client/detection/way.hpp"
#include "transports/core/endpoint.hpp"
#include "transports/core/stream.hpp"

namespace surang::client {

class WatchedStream;

/// Told by a WatchedStream on its executor. The stream must not be destroyed meanwhile.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  /// Something moved, either way.
  virtual void moved(WatchedStream& stream) = 0;
  /// It is being closed, or the browser or the site has ended it in order.
  virtual void ending(WatchedStream& stream, bool by_site) = 0;
  /// It will say nothing any more.
  virtual void gone(WatchedStream& stream) noexcept = 0;
};

class WatchedStream final : public Stream {
 public:
  /// What it is watched for; `observer` may be null.
  WatchedStream(StreamPtr inner, Progress progress, Way way, Endpoint to, std::string host,
                std::shared_ptr<StreamObserver> observer);
  ~WatchedStream() override;

  const Progress& progress() const noexcept { return progress_; }
  Way way() const noexcept { return way_; }
  const Endpoint& to() const noexcept { return to_; }
  const std::string& host() const noexcept { return host_; }
  /// Stands aside from now on.
  void release() noexcept { released_ = true; }
  bool released() const noexcept { return released_; }

  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override;
  asio::awaitable<Result<void>> wait_readable() override;
  Result<asio::const_buffer> try_write(asio::const_buffer from) override;
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override;
  asio::awaitable<Result<void>> shutdown_write() override;
  void close(bool abort) noexcept override;
  int native_socket() const noexcept override { return released_ ? inner_->native_socket() : -1; }
  int carrier_socket() const noexcept override { return inner_->carrier_socket(); }
  asio::awaitable<Result<void>> wait_writable() override { return inner_->wait_writable(); }
  asio::awaitable<Result<void>> wait_broken() override { return inner_->wait_broken(); }

  // The observer's own notes. Once it stands aside nothing but the kernel's counts tell of it.
  boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> active;
  std::uint64_t suspect = 0;  ///< its number, once something is suspected of it
  bool doomed = false;        ///< to end at its next pause
  bool credited = false;      ///< enough has come at a good pace
  bool asking = false;        ///< its kernel asks whether the other end is there
  bool answered = false;      ///< ... and that has answered
  bool heard = false;         ///< suspected of a stall that may be the site's own pause
  Clock::time_point began = Clock::now(), aside_moved{};
  std::uint64_t aside_received = 0;

 private:
  void says(asio::const_buffer bytes);
  void end(bool by_site);

  StreamPtr inner_;
  Progress progress_;
  Way way_;
  Endpoint to_;
  std::string host_;
  std::shared_ptr<StreamObserver> observer_;
  bool released_ = false, ended_ = false;
};

}  // namespace surang::client
