#include "transports/tunnel/capsule_flow.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/tunnel/capsules.hpp"

namespace surang::tunnel {
namespace {

constexpr std::size_t kMostWaiting = 128 * 1024;

class CapsuleFlow final : public DatagramFlow {
 public:
  explicit CapsuleFlow(StreamPtr stream)
      : shared_(std::make_shared<Shared>(std::move(stream))), tasks_(shared_->stream->executor()) {
    tasks_.spawn(write(shared_));
  }
  ~CapsuleFlow() override { close(); }

  asio::any_io_executor executor() override { return shared_->stream->executor(); }

  void send(const Endpoint& to, std::span<const std::uint8_t> payload) override {
    auto& out = shared_->out;
    if (closed_ || payload.size() > kMostPayload || out.size() + payload.size() > kMostWaiting) return;
    append_datagram(out, to, payload);
    shared_->more.notify();
  }

  Result<Received> try_receive(std::span<std::uint8_t> into) override {
    for (;;) {
      if (closed_) return make_error_code(Errc::closed);
      if (!input_.empty()) {
        const auto value = reader_.next(input_);
        const auto datagram = value ? parse_datagram(*value) : std::nullopt;
        if (!datagram) continue;
        std::ranges::copy(datagram->payload, into.begin());
        return Received{datagram->peer, datagram->payload.size()};
      }
      if (!block_) block_.emplace();
      const auto n = shared_->stream->try_read(block_->all());
      if (!n || *n == 0) block_.reset();
      if (!n) return n.error();
      if (*n == 0) return make_error_code(Errc::closed);
      input_ = {block_->data(), *n};
    }
  }

  asio::awaitable<void> wait_readable() override {
    const auto shared = shared_;
    (void)co_await shared->stream->wait_readable();
  }

  void close() noexcept override {
    if (std::exchange(closed_, true)) return;
    input_ = {};
    block_.reset();
    tasks_.cancel();
    shared_->stream->close();
  }

 private:
  struct Shared {
    explicit Shared(StreamPtr s) : stream(std::move(s)) {}
    const StreamPtr stream;
    std::vector<std::uint8_t> out;  // whole capsules
    Wakeup more;
  };

  // What is sent while one batch leaves is the next one.
  static asio::awaitable<void> write(std::shared_ptr<Shared> shared) {
    std::vector<std::uint8_t> batch;
    for (;;) {
      while (shared->out.empty()) {
        batch = {};
        shared->out = {};
        co_await shared->more.wait(shared->stream->executor());
      }
      batch.clear();
      std::swap(batch, shared->out);
      const auto said = co_await shared->stream->write_all(asio::buffer(batch));
      if (!said) co_return;
    }
  }

  const std::shared_ptr<Shared> shared_;
  CapsuleReader reader_;
  std::optional<ScratchBuffer> block_;  // while something in it was not looked at
  std::span<const std::uint8_t> input_;
  bool closed_ = false;
  TaskGroup tasks_;
};

}  // namespace

DatagramFlowPtr make_capsule_flow(StreamPtr stream) {
  return std::make_unique<CapsuleFlow>(std::move(stream));
}

}  // namespace surang::tunnel
