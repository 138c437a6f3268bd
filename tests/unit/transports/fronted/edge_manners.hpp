// What an edge does with requests before the bridge sees them, and after: a rig's edge passes everything on
// at once, or keeps bodies, answers, or what comes late. And a way that is as long as one is.
#pragma once

#include <deque>
#include <map>

#include "tests/unit/transports/fronted/origin_rig.hpp"
#include "transports/core/buffer.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::fronted::rig {

/// May change at any time; each request looks again.
struct Manners {
  bool keeps_bodies = false;   ///< until they are whole, as nginx does by default
  bool keeps_answers = false;  ///< until the request is whole
  bool deaf = false;           ///< no byte of a body goes on once the answer has begun
  bool tires = false;          ///< what comes later than a second after the head waits for the end
  bool answers_late = false;   ///< the head goes on at once, the answer's body when the request is whole
  bool kills = false;          ///< the connection, when a body is open for a second
  int page = 0;                ///< the status of one of its own, instead of every answer
  std::optional<Note::Kind> page_for;  ///< or of those to requests of that kind
  std::size_t most_body = SIZE_MAX;    ///< and 413 for what is longer, once it is
};

/// By kind; an `up` without a byte is counted apart.
struct Counts {
  std::map<Note::Kind, int> of;
  int questions = 0;
  std::uint64_t bytes = 0;  ///< of all bodies
  int posts() const {
    int sum = questions;
    for (const auto& [kind, n] : of)
      if (kind != Note::Kind::down) sum += n;
    return sum;
  }
};

class Passing final : public Exchange {
 public:
  /// `kill` ends the connection.
  Passing(Exchange& inner, const Manners& manners, asio::any_io_executor executor, std::function<void()> kill)
      : inner_(inner),
        manners_(manners),
        executor_(executor),
        kill_(std::move(kill)),
        ended_(inner.head().method == "GET") {}

  const RequestHead& head() const noexcept override { return inner_.head(); }

  /// What the request is, where it is the user's.
  std::optional<Note::Kind> kind() const {
    const auto path = parse_request_path(head().target);
    const auto note = path ? open_note(UserNames(user()).note_key, path->session, path->note) : std::nullopt;
    return note ? std::optional(note->kind) : std::nullopt;
  }

  /// Whether the request is to go on: false when its body was cut before it was whole.
  asio::awaitable<bool> begin() {
    if (manners_.keeps_bodies) co_await keep_rest();
    if (manners_.page != 0 && (!manners_.page_for || manners_.page_for == kind())) {
      co_await refuse(manners_.page);
      co_return false;
    }
    co_return !cut_;
  }

  Result<std::size_t> try_read_body(asio::mutable_buffer into) override {
    if (cut_) return make_error_code(Errc::truncated);
    if (kept_.empty() && !ended_) return make_error_code(Errc::would_block);
    const auto n = asio::buffer_copy(into, asio::buffer(kept_));
    kept_.erase(0, n);
    return n;
  }
  asio::awaitable<Result<void>> wait_body() override {
    if (!kept_.empty() || ended_ || cut_) co_return Result<void>{};
    if (manners_.kills && Clock::now() - begun_ > std::chrono::seconds(1)) {
      kill_();
      cut_ = true;
      co_return Result<void>{};
    }
    if (manners_.tires && Clock::now() - begun_ > std::chrono::seconds(1))
      co_await keep_rest();
    else
      co_await keep_more();
    if (!kept_.empty() && manners_.deaf && answered_) {
      // The end comes to nobody either, until the edge has had enough.
      co_await keep_rest();
      if (!cut_) co_await test::sleep_for(std::chrono::seconds(30));
      cut_ = true;
    }
    if (bytes > manners_.most_body && !cut_) {
      cut_ = true;
      if (!answered_) co_await refuse(413);
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> answer(int status, const Fields& fields,
                                       std::optional<std::uint64_t> length) override {
    if (manners_.keeps_answers) {
      co_await test::sleep_for(std::chrono::milliseconds(1));
      if (!reading_) co_await keep_rest();  // nobody else will
    }
    while (manners_.keeps_answers && !ended_ && !cut_) co_await changed_.wait(executor_);
    if (cut_) co_return make_error_code(Errc::truncated);
    answered_ = true;
    co_return co_await inner_.answer(status, fields, length);
  }
  asio::awaitable<Result<void>> write_block(BodyBlock& block, std::size_t size) override {
    while (manners_.answers_late && !ended_ && !cut_) {
      if (reading_)
        co_await changed_.wait(executor_);
      else
        co_await keep_rest();  // nobody else will
    }
    co_return co_await inner_.write_block(block, size);
  }
  asio::awaitable<Result<void>> finish() override { return inner_.finish(); }

  std::uint64_t bytes = 0;

 private:
  using Clock = std::chrono::steady_clock;

  asio::awaitable<void> keep_more() {
    reading_ = true;
    std::string part(65536, '\0');
    auto n = inner_.try_read_body(asio::buffer(part));
    while (!n && n.error() == Errc::would_block) {
      const auto more = co_await inner_.wait_body();
      if (!more) break;
      n = inner_.try_read_body(asio::buffer(part));
    }
    reading_ = false;
    if (n) kept_.append(part, 0, *n);
    if (n) bytes += *n;
    ended_ = n && *n == 0;
    cut_ = !n;
    if (ended_ || cut_) changed_.notify();
  }
  // As nginx: the rest of the body is of no interest.
  asio::awaitable<void> refuse(int status) {
    answered_ = true;
    const std::string page = "<html>a page of the edge's</html>";
    const Fields fields{{"Content-Type", "text/html"}};
    const auto begun = co_await inner_.answer(status, fields, page.size());
    if (!begun) co_return;
    (void)co_await inner_.write_body(asio::buffer(page));
    (void)co_await inner_.finish();
  }
  asio::awaitable<void> keep_rest() {
    while (!ended_ && !cut_) co_await keep_more();
    if (cut_) kept_.clear();
  }

  Exchange& inner_;
  const Manners& manners_;
  asio::any_io_executor executor_;
  const std::function<void()> kill_;
  std::string kept_;
  const Clock::time_point begun_ = Clock::now();
  bool ended_, cut_ = false, reading_ = false, answered_ = false;
  Wakeup changed_;
};

/// One request by such an edge, to `origin`.
inline asio::awaitable<void> pass_on(Exchange& exchange, const Manners& manners, Counts& counts,
                                     Origin& origin, asio::any_io_executor executor,
                                     std::function<void()> kill) {
  struct Count {
    ~Count() {
      const auto kind = passing.kind();
      if (!kind) return;
      counts.bytes += passing.bytes;
      if (kind == Note::Kind::up && passing.bytes == 0)
        ++counts.questions;
      else
        ++counts.of[*kind];
    }
    Passing passing;
    Counts& counts;
  };
  Count counted{{exchange, manners, executor, std::move(kill)}, counts};
  const bool goes_on = co_await counted.passing.begin();
  Caller caller;
  if (goes_on) co_await origin.serve(counted.passing, std::move(caller));
}

// What enters one end leaves the other so much later, its end or its break as well; no more than `rate` bytes
// a second do, where that is not 0.
class DelayLine {
 public:
  static asio::awaitable<void> run(std::shared_ptr<Stream> from, std::shared_ptr<Stream> to,
                                   std::chrono::milliseconds delay, std::size_t rate) {
    const auto line = std::make_shared<DelayLine>();
    TaskGroup tasks(from->executor());
    tasks.spawn(take(line, from, delay, rate));
    for (;;) {
      while (line->pieces_.empty()) co_await line->changed_.wait(from->executor());
      const auto piece = std::move(line->pieces_.front());
      line->pieces_.pop_front();
      co_await test::sleep_for(piece.due - std::chrono::steady_clock::now());
      if (piece.broken) co_return to->close(true);
      if (piece.bytes.empty()) break;
      const auto said = co_await to->write_all(asio::buffer(piece.bytes));
      if (!said) co_return from->close(true);
    }
    (void)co_await to->shutdown_write();
  }

 private:
  struct Piece {
    std::chrono::steady_clock::time_point due;
    std::string bytes;
    bool broken = false;
  };
  static asio::awaitable<void> take(std::shared_ptr<DelayLine> line, std::shared_ptr<Stream> from,
                                    std::chrono::milliseconds delay, std::size_t rate) {
    std::string part(rate > 0 ? 1400 : 65536, '\0');
    for (bool over = false; !over;) {
      const auto n = co_await from->read_some(asio::buffer(part));
      Piece piece{std::chrono::steady_clock::now() + delay, n ? part.substr(0, *n) : "", !n};
      over = piece.bytes.empty();
      line->pieces_.push_back(std::move(piece));
      line->changed_.notify();
      if (rate > 0 && n) co_await test::sleep_for(std::chrono::microseconds(*n * 1000000 / rate));
    }
  }
  std::deque<Piece> pieces_;
  Wakeup changed_;
};

/// The near end of a stream whose other end is `delay` away from `far`, each way. `uplink` bytes a second
/// leave the near end, and 64 KB wait for that; 0: all do.
inline StreamPtr at_a_distance(StreamPtr far, std::chrono::milliseconds delay, std::size_t uplink,
                               TaskGroup& tasks) {
  auto [near, line_end] =
      test::memory_stream_pair(far->executor(), SIZE_MAX, uplink > 0 ? 64 << 10 : 16 << 20);
  const std::shared_ptr<Stream> here = std::move(line_end), there = std::move(far);
  tasks.spawn(DelayLine::run(here, there, delay, uplink));
  tasks.spawn(DelayLine::run(there, here, delay, 0));
  return std::move(near);
}

}  // namespace surang::fronted::rig
