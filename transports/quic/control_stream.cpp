#include "transports/quic/control_stream.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/endian/conversion.hpp>
#include <optional>

namespace surang::quic {

using Clock = std::chrono::steady_clock;

struct EchoAsker::State {
  explicit State(std::unique_ptr<QuicStream> s) : stream(std::move(s)) {}

  const std::unique_ptr<QuicStream> stream;
  std::function<void()> leave;
  std::uint64_t said = 0, heard = 0;  // numbers of echoes
  std::optional<error_code> ended;
  Wakeup news;

  static asio::awaitable<void> listen(std::shared_ptr<State> self) {
    std::array<std::uint8_t, kEchoSize> word{};
    error_code why = make_error_code(Errc::closed);
    for (;;) {
      const auto kind = co_await self->stream->read_exactly(asio::buffer(word.data(), 1));
      if (!kind) why = kind.error();
      if (!kind) break;
      if (word[0] == kLeaving) {
        if (self->leave) self->leave();
        continue;
      }
      const auto rest = co_await self->stream->read_exactly(asio::buffer(word.data() + 1, kEchoSize - 1));
      if (!rest || word[0] != kEcho) break;
      self->heard = std::max(self->heard, std::min(boost::endian::load_big_u64(word.data() + 1), self->said));
      self->news.notify();
    }
    self->ended = why;
    self->news.notify();
  }
};

EchoAsker::EchoAsker(std::unique_ptr<QuicStream> stream)
    : state_(std::make_shared<State>(std::move(stream))), tasks_(state_->stream->executor()) {}

EchoAsker::~EchoAsker() {
  state_->leave = {};
  state_->stream->close(false);
  if (!state_->ended) state_->ended = make_error_code(Errc::no_route);
  state_->news.notify();
}

void EchoAsker::start(std::function<void()> leave) {
  state_->leave = std::move(leave);
  tasks_.spawn(State::listen(state_));
}

asio::awaitable<Result<std::chrono::microseconds>> EchoAsker::ask() {
  const auto s = state_;
  const auto begun = Clock::now();
  const auto number = ++s->said;
  std::array<std::uint8_t, kEchoSize> word{kEcho};
  boost::endian::store_big_u64(word.data() + 1, number);
  // Whole or not at all: who asks may be cancelled while it waits.
  const auto left = s->stream->try_write(asio::buffer(word));
  if (!left) co_return left.error();
  while (s->heard < number && !s->ended) co_await s->news.wait(s->stream->executor());
  if (s->heard < number) co_return *s->ended;
  co_return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
}

asio::awaitable<bool> give_echoes(QuicStream& stream, unsigned most_per_minute) {
  constexpr std::chrono::minutes kMinute{1};
  auto since = Clock::now();
  unsigned given = 0;
  std::array<std::uint8_t, kEchoSize> word{};
  for (;;) {
    const auto got = co_await stream.read_exactly(asio::buffer(word));
    if (!got) co_return true;
    if (word[0] != kEcho) co_return false;
    const auto now = Clock::now();
    if (now - since > kMinute) {
      since = now;
      given = 0;
    }
    if (++given > most_per_minute) co_return false;
    const auto said = co_await stream.write_all(asio::buffer(word));
    if (!said) co_return true;
  }
}

void say_leave(QuicStream& stream) {
  (void)stream.try_write(asio::buffer(&kLeaving, 1));
}

}  // namespace surang::quic
