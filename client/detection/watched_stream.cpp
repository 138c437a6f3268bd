#include "client/detection/watched_stream.hpp"

namespace surang::client {

WatchedStream::WatchedStream(StreamPtr inner, Progress progress, Way way, Endpoint to, std::string host,
                             std::shared_ptr<StreamObserver> observer)
    : inner_(std::move(inner)),
      progress_(progress),
      way_(way),
      to_(std::move(to)),
      host_(std::move(host)),
      observer_(std::move(observer)) {}

WatchedStream::~WatchedStream() {
  if (observer_) observer_->gone(*this);
}

Result<std::size_t> WatchedStream::try_read(asio::mutable_buffer into) {
  auto n = inner_->try_read(into);
  if (released_) return n;
  if (n && *n > 0) {
    progress_.from_site({static_cast<const std::uint8_t*>(into.data()), *n}, Clock::now());
    if (observer_) observer_->moved(*this);
  } else if (n && into.size() > 0) {
    end(true);
  }
  return n;
}

asio::awaitable<Result<void>> WatchedStream::wait_readable() {
  if (!released_) progress_.waits(Clock::now());
  return inner_->wait_readable();
}

void WatchedStream::says(asio::const_buffer bytes) {
  if (released_ || bytes.size() == 0) return;
  progress_.to_site({static_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, Clock::now());
  if (observer_) observer_->moved(*this);
}

Result<asio::const_buffer> WatchedStream::try_write(asio::const_buffer from) {
  auto rest = inner_->try_write(from);
  if (rest) says({from.data(), from.size() - rest->size()});
  return rest;
}

asio::awaitable<Result<void>> WatchedStream::write_all(asio::const_buffer from) {
  says(from);
  return inner_->write_all(from);
}

asio::awaitable<Result<void>> WatchedStream::shutdown_write() {
  end(false);
  return inner_->shutdown_write();
}

void WatchedStream::close(bool abort) noexcept {
  end(false);
  inner_->close(abort);
}

// Once one side has said its last word, nothing of it is held against the way.
void WatchedStream::end(bool by_site) {
  if (!std::exchange(ended_, true) && !released_ && observer_) observer_->ending(*this, by_site);
  released_ = true;
}

}  // namespace surang::client
