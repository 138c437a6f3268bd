// What the tests of every transport share: users of a bridge, a Dialer that hands out streams which the test
// made, and words for the two ends of a stream.
#pragma once

#include <doctest.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/memory_stream.hpp"
#include "transports/core/dialer.hpp"
#include "transports/core/user.hpp"

namespace surang::test {

using Bytes = std::vector<std::uint8_t>;

inline UserKey user_number(std::uint8_t n) {
  UserKey user;
  user.id.bytes.fill(n);
  user.secret.fill(static_cast<std::uint8_t>(n ^ 0x5a));
  return user;
}

class Users final : public UserDirectory {
 public:
  std::optional<UserKey> find(const UserId& id) const override {
    if (id == user_number(1).id && !removed) return user_number(1);
    return {};
  }
  bool removed = false;
};

/// Hands out streams that a test made, and keeps what was written to them.
class Wire final : public Dialer {
 public:
  class Tap final : public Stream {
   public:
    Tap(StreamPtr inner, std::vector<Bytes>& writes) : inner_(std::move(inner)), writes_(writes) {}
    asio::any_io_executor executor() override { return inner_->executor(); }
    Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
    asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
    asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
      const auto* data = static_cast<const std::uint8_t*>(from.data());
      writes_.emplace_back(data, data + from.size());
      return inner_->write_all(from);
    }
    asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
    void close(bool abort) noexcept override { inner_->close(abort); }

   private:
    StreamPtr inner_;
    std::vector<Bytes>& writes_;
  };

  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    dialled.push_back(to);
    if (waiting.empty()) co_return error_code(asio::error::connection_refused);
    StreamPtr next = std::make_unique<Tap>(std::move(waiting.front()), writes);
    waiting.pop_front();
    co_return std::move(next);
  }

  std::deque<StreamPtr> waiting;
  std::vector<Bytes> writes;
  std::vector<Endpoint> dialled;
};

inline asio::awaitable<void> say(Stream& stream, std::string text) {
  const auto r = co_await stream.write_all(asio::buffer(text));
  CHECK_MESSAGE(!r.has_error(), r.error().message());
}

inline asio::awaitable<void> hear(Stream& stream, std::string text) {
  std::string got(text.size(), '\0');
  const auto r = co_await stream.read_exactly(asio::buffer(got));
  CHECK_MESSAGE(!r.has_error(), r.error().message());
  CHECK(got == text);
}

inline asio::awaitable<Bytes> read_all(Stream& stream) {
  Bytes all, block(4096);
  for (;;) {
    const auto n = co_await stream.read_some(asio::buffer(block));
    if (n.has_error() || *n == 0) co_return all;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
  }
}

}  // namespace surang::test
