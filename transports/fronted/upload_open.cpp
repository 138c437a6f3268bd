// What an open body of an upload goes through.
#include <sodium/randombytes.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "transports/core/buffer.hpp"
#include "transports/fronted/upload.hpp"

namespace surang::fronted {
namespace {

using Clock = EdgeModes::Clock;
using Kind = Note::Kind;

constexpr std::size_t kPiece = 16 * 1024;  // which every stream's window has room for

}  // namespace

Upload::Open::Open(asio::any_io_executor executor, EdgeModes& modes, Mode mode, std::uint64_t from)
    : body(modes, mode, from, Clock::now(), 0.7 + 0.6 * randombytes_uniform(1000) / 1000),
      end(from),
      alarm(std::move(executor)) {}

Upload::OpenPtr Upload::begin(Mode mode) {
  if (open_) end(OpenPtr(open_));
  open_ = std::make_shared<Open>(executor_, modes_, mode, claimed_);
  return open_;
}

void Upload::feed(const OpenPtr& open, RequestPtr request) {
  open->request = std::move(request);
  tasks_.spawn(stream_one(open));
}

// Its answer does not say what has come.
asio::awaitable<void> Upload::stream_one(OpenPtr open) {
  const auto from = open->body.from();
  const bool whole = co_await fill(open);
  retire(open);
  if (whole && session_->acknowledged() < open->end) {
    asio::steady_timer timer(executor_, 2 * modes_.round_trip());  // until it ought to be there
    co_await timer.async_wait(asio::use_awaitable);
    if (session_->acknowledged() < open->end)
      (void)co_await requests_.post(Kind::up, session_->acknowledged(), 0);
  }
  if (session_->acknowledged() >= open->end) co_return;
  ++under_way_;
  const UnderWay counted(*this);
  co_await requests_.post_until_heard(Kind::up, from, open->end - from);
}

// Whether all that it has claimed is on the connection, and its end.
asio::awaitable<bool> Upload::fill(OpenPtr open) {
  open->request->when_broken([this, weak = std::weak_ptr(open)] {
    if (const auto it = weak.lock()) it->broken = true;
    changed_.notify();
  });
  if (open->body.mode() == Mode::stream_up) tasks_.spawn(watch_answer(open));
  open->body.asked_for(Clock::now());
  look_after(open);
  while (!open->broken && !open->ending) {
    if (open->body.mode() == Mode::stream_up && open->request->status() != 0) {
      abandon(open, make_error_code(Errc::protocol));  // answered before its end
      break;
    }
    const auto from = claimed_;
    const auto size = claim(std::min(kPiece, open->body.room()));
    if (size == 0) {
      co_await changed_.wait(executor_);
      continue;
    }
    open->end = claimed_;
    open->body.writing(Clock::now());
    look_after(open);
    const auto said = co_await write_piece(open, from, size);
    if (!said) {
      if (!open->broken) break_off(open, said.error());
      break;
    }
    open->body.fed(size, Clock::now());
    look_after(open);
  }
  if (!open->broken) {
    const auto ended = co_await open->request->shutdown_write();
    if (ended) {
      open->body.closed();
      co_return true;
    }
  }
  const auto why = co_await open->request->wait_broken();  // at once
  if (!why) break_off(open, why.error());
  co_return false;
}

// One that comes before the end is the edge's own.
asio::awaitable<void> Upload::watch_answer(OpenPtr open) {
  (void)co_await open->request->answer();
  changed_.notify();
}

asio::awaitable<Result<void>> Upload::write_piece(OpenPtr open, std::uint64_t from, std::size_t size) {
  ScratchBuffer block;
  const auto n = session_->copy_output(from, {block.data(), size});
  if (!n) co_return n.error();
  co_return co_await open->request->write_all(asio::buffer(block.data(), *n));
}

void Upload::answer_began(const OpenPtr& open) {
  open->body.answer_began();
  look_after(open);
}

void Upload::end(const OpenPtr& open) {
  open->ending = true;
  open->body.ending(Clock::now());
  if (open_ == open) open_.reset();
  changed_.notify();
}

void Upload::lost(const OpenPtr& open, error_code why) {
  if (open->request)
    abandon(open, why);
  else
    retire(open);
}

void Upload::break_off(const OpenPtr& open, error_code why) {
  // An edge may give back a request whose answer is whole (RFC 9113 8.1); who reads that has it still, and
  // says what it is.
  if (open->body.mode() != Mode::stream_one || !open->request->answered_whole()) return abandon(open, why);
  open->broken = true;
  retire(open);
}

void Upload::abandon(const OpenPtr& open, error_code why) {
  open->broken = true;
  retire(open);
  // The bridge does not know the session (any more), or nobody has looked at the request: no mode's fault.
  if (open->request->status() == 404 || why == Errc::unprocessed)
    open->body.dropped();
  else if (why == Errc::no_route || why == Errc::timed_out)
    open->body.lost(Clock::now());
  else
    open->body.broke(Clock::now());
  open->request->close(true);
}

void Upload::stop() {
  if (!open_) return;
  const auto open = std::exchange(open_, nullptr);
  open->alarm.cancel();
  open->body.dropped();
  if (open->request) open->request->close(true);
}

void Upload::retire(const OpenPtr& open) {
  open->alarm.cancel();
  if (open_ == open) open_.reset();
  changed_.notify();
}

void Upload::look_after(const OpenPtr& open) {
  open->body.acknowledged(session_->acknowledged());
  for (;;) {
    const auto due = open->body.due();
    if (due.when == EdgeModes::Time::max()) return open->alarm.cancel();
    if (due.when > Clock::now()) {
      // One that rings for nothing costs less than setting it with each byte.
      if (open->alarm.is_set() && open->rings_at <= due.when) return;
      open->rings_at = due.when;
      return open->alarm.set(due.when, [this, weak = std::weak_ptr(open)] {
        if (const auto it = weak.lock()) look_after(it);
      });
    }
    switch (due.step) {
      case OpenBody::Step::ask:
        if (!requests_.beside(*open->request)) {
          end(open);  // another connection cannot tell what this one holds back
          break;
        }
        open->body.asked(Clock::now());
        tasks_.spawn(ask_about(open));
        break;
      case OpenBody::Step::end:
        end(open);
        break;
      case OpenBody::Step::give_up:
        open->body.gave_up(Clock::now());
        return abandon(open, make_error_code(Errc::closed));
    }
  }
}

asio::awaitable<void> Upload::ask_about(OpenPtr open) {
  const auto heard = co_await requests_.post(Kind::up, session_->acknowledged(), 0);
  if (heard)
    open->body.told(session_->acknowledged(), Clock::now());
  else
    open->body.untold(Clock::now());
  if (open->awaits_answer && session_->received() < requests_.written_there()) open->body.owed(Clock::now());
  look_after(open);
}

}  // namespace surang::fronted
