#include "transports/fronted/session.hpp"

#include <algorithm>
#include <utility>

namespace surang::fronted {

Session::~Session() = default;

asio::awaitable<Result<void>> Session::wait_output(std::uint64_t from) {
  while (!failure_ && out_.end() <= from && !output_end_) co_await output_.wait(executor_);
  if (failure_) co_return failure_;
  co_return Result<void>{};
}

Result<std::size_t> Session::copy_output(std::uint64_t from, std::span<std::uint8_t> into) {
  if (from < out_.begin() || from > out_.end()) return make_error_code(Errc::bad_input);
  const auto n = out_.copy(from, into);
  if (from + n > sent_) {
    sent_ = from + n;
    acknowledged_.notify();
  }
  return n;
}

std::size_t Session::room() const noexcept {
  const auto unsent = static_cast<std::size_t>(out_.end() - sent_);
  return std::min(out_.room(), most_unsent_ - std::min(unsent, most_unsent_));
}

bool Session::acknowledge(std::uint64_t offset) {
  if (!out_.acknowledge(offset)) return false;
  sent_ = std::max(sent_, offset);
  acknowledged_.notify();
  return true;
}

asio::awaitable<Result<void>> Session::wait_acknowledged() {
  while (!failure_ && out_.size() > 0) co_await acknowledged_.wait(executor_);
  if (failure_) co_return failure_;
  co_return Result<void>{};
}

asio::awaitable<Result<void>> Session::deliver(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (failure_) co_return failure_;
    if (input_end_ && offset + bytes.size() > *input_end_) co_return make_error_code(Errc::protocol);
    const auto before = in_.next();
    const auto taken = in_.add(offset, bytes);
    offset += taken;
    bytes = bytes.subspan(taken);
    if (in_.next() != before) {
      input_.notify();
      room_.notify();  // for a piece that did not fit before it
    }
    if (!bytes.empty()) co_await room_.wait(executor_);
  }
  co_return Result<void>{};
}

Result<void> Session::deliver_end(std::uint64_t offset) {
  if (failure_) return failure_;
  if ((input_end_ && *input_end_ != offset) || offset < in_.next()) return make_error_code(Errc::protocol);
  input_end_ = offset;
  input_.notify();
  return {};
}

void Session::fail(error_code why) {
  if (failure_) return;
  failure_ = why;
  for (auto* waiting : {&output_, &acknowledged_, &input_, &room_, &gone_}) waiting->notify();
}

asio::awaitable<void> Session::wait_left() {
  while (!left_ && !failure_) co_await gone_.wait(executor_);
}

class SessionStream final : public Stream {
 public:
  explicit SessionStream(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  ~SessionStream() override { close(false); }

  asio::any_io_executor executor() override { return session_->executor_; }

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    auto& s = *session_;
    if (closed_) return make_error_code(Errc::closed);
    const auto n = s.in_.read({static_cast<std::uint8_t*>(into.data()), into.size()});
    if (n > 0) {
      s.room_.notify();
      return n;
    }
    if (into.size() == 0 || s.received_all()) return std::size_t{0};
    return s.failure_ ? s.failure_ : make_error_code(Errc::would_block);
  }

  asio::awaitable<Result<void>> wait_readable() override {
    const auto s = session_;
    while (!closed_ && s->in_.readable() == 0 && !s->received_all() && !s->failure_)
      co_await s->input_.wait(s->executor_);
    if (closed_) co_return make_error_code(Errc::closed);
    co_return Result<void>{};
  }

  Result<asio::const_buffer> try_write(asio::const_buffer from) override {
    auto& s = *session_;
    if (closed_ || s.output_end_) return make_error_code(Errc::closed);
    if (s.failure_) return s.failure_;
    const std::span bytes(static_cast<const std::uint8_t*>(from.data()), from.size());
    const auto taken = s.out_.append(bytes.first(std::min(bytes.size(), s.room())));
    if (taken > 0) s.output_.notify();
    return from + taken;
  }

  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    const auto s = session_;
    for (;;) {
      const auto rest = try_write(from);
      if (!rest) co_return rest.error();
      if (rest->size() == 0) co_return Result<void>{};
      from = *rest;
      co_await s->acknowledged_.wait(s->executor_);
    }
  }

  asio::awaitable<Result<void>> shutdown_write() override {
    auto& s = *session_;
    if (closed_) co_return make_error_code(Errc::closed);
    if (s.failure_) co_return s.failure_;
    if (!s.output_end_) s.output_end_ = s.out_.end();
    s.output_.notify();
    co_return Result<void>{};
  }

  void close(bool abort) noexcept override {
    if (std::exchange(closed_, true)) return;
    auto& s = *session_;
    s.left_ = true;
    // What was written last may still be under way.
    if (abort || !s.output_end_ || !s.received_all()) s.fail(make_error_code(Errc::closed));
    for (auto* waiting : {&s.input_, &s.acknowledged_, &s.gone_}) waiting->notify();
  }

  asio::awaitable<Result<void>> wait_broken() override {
    const auto s = session_;
    co_await s->wait_left();
    if (s->failure_ && !closed_) co_return s->failure_;
    co_return Result<void>{};
  }

 private:
  const std::shared_ptr<Session> session_;
  bool closed_ = false;
};

StreamPtr make_stream(std::shared_ptr<Session> session) {
  return std::make_unique<SessionStream>(std::move(session));
}

}  // namespace surang::fronted
