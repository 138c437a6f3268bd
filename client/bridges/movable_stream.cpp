#include "client/bridges/movable_stream.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace surang::client {
namespace {

constexpr std::size_t kMostSaid = 32 * 1024;  // a longer first flight is not said again
constexpr int kMostMoves = 3;

}  // namespace

MovableStream::MovableStream(const std::shared_ptr<Pool>& pool, Endpoint to, Carried carried, bool proven)
    : pool_(pool), to_(std::move(to)), at_(std::move(carried)), proven_(proven) {
  pool->unanswered.push_back(*this);
}

MovableStream::~MovableStream() {
  answered();
}

// It stays where it is from now on.
void MovableStream::answered() noexcept {
  if (std::exchange(answered_, true)) return;
  if (!moving_) std::vector<std::uint8_t>().swap(said_);
  if (const auto pool = pool_.lock()) pool->unanswered.erase(pool->unanswered.iterator_to(*this));
}

void MovableStream::settled_on(const Lane& lane, tunnel::SessionNumber session) {
  if (by(lane) && at_.session == session)
    proven_ = true;
  else
    due_ = true;
  news_.notify();
}

bool MovableStream::movable() const {
  const auto pool = pool_.lock();
  if (!pool || answered_ || closed_ || moves_ >= kMostMoves) return false;
  return said_.empty() || unheard_ || pool->may_repeat(said_);
}

// The session's end, which says nothing about the site.
bool MovableStream::lost_by(error_code why) {
  unheard_ |= why == Errc::unprocessed;
  return (unheard_ || why == Errc::no_route || why == Errc::timed_out) && movable();
}

Result<std::size_t> MovableStream::try_read(asio::mutable_buffer into) {
  if (answered_) return at_.stream->try_read(into);
  if (!closed_ && (moving_ || lost_)) return make_error_code(Errc::would_block);
  auto got = at_.stream->try_read(into);
  if (!got && got.error() == Errc::would_block) return got;
  if (got && *got == 0 && into.size() == 0) return got;
  if (!got && lost_by(got.error())) {
    lost_ = true;
    return make_error_code(Errc::would_block);
  }
  answered();
  if (!got && got.error() == Errc::unprocessed) return make_error_code(Errc::no_route);
  return got;
}

asio::awaitable<Result<void>> MovableStream::wait_readable() {
  if (answered_) return at_.stream->wait_readable();
  return wait_for_answer();
}

asio::awaitable<Result<void>> MovableStream::wait_for_answer() {
  const auto executor = at_.stream->executor();
  for (;;) {
    if (closed_) co_return make_error_code(Errc::closed);
    if (moving_) {
      co_await news_.wait(executor);
      continue;
    }
    if (lost_ || due_) co_await move();
    if (answered_) co_return co_await at_.stream->wait_readable();
    auto [order, failure, ready, woken] =
        co_await asio::experimental::make_parallel_group(
            asio::co_spawn(executor, at_.stream->wait_readable(), asio::deferred), news_.wait(executor))
            .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
    if (order[0] == 0 && failure) std::rethrow_exception(failure);
    if (order[0] == 0) co_return ready;
  }
}

asio::awaitable<void> MovableStream::moved() {
  while (moving_ && !closed_) co_await news_.wait(at_.stream->executor());
}

// Goes over to a lane that works. Where there is none, or what was said may not be said again, it stays.
asio::awaitable<void> MovableStream::move() {
  struct Moving {
    MovableStream& stream;
    explicit Moving(MovableStream& s) : stream(s) { stream.moving_ = true; }
    ~Moving() {
      stream.moving_ = false;
      stream.news_.notify();
    }
  } const moving(*this);
  due_ = false;
  const auto pool = pool_.lock();
  if (!movable()) co_return answered();
  auto next = co_await pool->another(to_);
  if (closed_) co_return;
  if (!next) {
    if (lost_) answered();
    co_return;
  }
  if (!lost_ && next->lane == at_.lane && next->session == at_.session) co_return;
  at_.stream->close(true);
  left_.push_back(std::move(at_.stream));
  at_ = std::move(*next);
  since_ = std::chrono::steady_clock::now();
  ++moves_;
  lost_ = unheard_ = false;
  proven_ = true;
  if (!said_.empty()) (void)co_await at_.stream->write_all(asio::buffer(said_));  // try_read tells of failure
  if (ended_) (void)co_await at_.stream->shutdown_write();
}

asio::awaitable<Result<void>> MovableStream::write_all(asio::const_buffer from) {
  if (!answered_) return write_unanswered(from);
  if (const auto pool = pool_.lock()) pool->used(at_.lane);
  return at_.stream->write_all(from);
}

asio::awaitable<Result<void>> MovableStream::write_unanswered(asio::const_buffer from) {
  co_await moved();
  const std::span bytes(static_cast<const std::uint8_t*>(from.data()), from.size());
  if (const auto pool = pool_.lock(); pool && !proven_ && said_.empty() && !pool->may_repeat(bytes)) {
    co_await pool->searched();
    co_await moved();
    if (due_ || lost_) co_await move();
  }
  if (closed_) co_return make_error_code(Errc::closed);
  if (answered_) co_return co_await at_.stream->write_all(from);
  if (const auto pool = pool_.lock()) pool->used(at_.lane);
  if (said_.size() + bytes.size() > kMostSaid)
    answered();
  else
    said_.insert(said_.end(), bytes.begin(), bytes.end());
  if (lost_ && !answered_) co_return Result<void>{};  // it goes with what was said
  const auto before = moves_;
  const auto written = co_await at_.stream->write_all(from);
  if (written || moves_ == before) {
    if (written || !lost_by(written.error())) co_return written;
    lost_ = true;
    news_.notify();
    co_return Result<void>{};
  }
  co_await moved();  // which took it along
  co_return Result<void>{};
}

asio::awaitable<Result<void>> MovableStream::shutdown_write() {
  ended_ = true;
  if (!answered_) {
    co_await moved();
    if (lost_) co_return Result<void>{};
  }
  co_return co_await at_.stream->shutdown_write();
}

void MovableStream::close(bool abort) noexcept {
  closed_ = true;
  answered();
  at_.stream->close(abort);
  news_.notify();
}

}  // namespace surang::client
