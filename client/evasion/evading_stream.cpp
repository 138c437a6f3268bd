#include "client/evasion/evading_stream.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "client/evasion/fragment_records.hpp"
#include "client/evasion/hello_cuts.hpp"
#include "transports/tcp/unacknowledged.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Each cut of a split costs a round trip: the last ones, in and around the registrable name, are what
// matters.
constexpr std::size_t kMostSplits = 3;
constexpr auto kPoll = 10ms;
// An acknowledgement may be put off for up to half a second (RFC 1122 4.2.3.2).
constexpr auto kLongestWait = 700ms;
// Where the system does not tell what has been acknowledged: most round trips.
constexpr auto kBlindWait = 100ms;

class EvadingStream final : public Stream {
 public:
  EvadingStream(StreamPtr inner, Way way, std::function<void()> arrived)
      : inner_(std::move(inner)), way_(way), arrived_(std::move(arrived)) {}

  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    if (left_ || from.size() == 0) co_return co_await inner_->write_all(from);
    const std::span flight(static_cast<const std::uint8_t*>(from.data()), from.size());
    const auto cuts = hello_cuts(flight);
    const auto arrived =
        std::exchange(arrived_, nullptr);  // not to be called once this has ended, in any way
    Result<void> sent;
    if (way_ == Way::direct_fragmented) {
      const auto pieces = fragment_records(flight, cuts);
      sent = co_await inner_->write_all(asio::buffer(pieces));
    } else {
      sent = co_await write_split(from, cuts, arrived);
    }
    left_ = true;
    co_return sent;
  }
  // The first flight is write_all's.
  Result<asio::const_buffer> try_write(asio::const_buffer from) override {
    if (!left_) return from;
    return inner_->try_write(from);
  }
  int native_socket() const noexcept override { return left_ ? inner_->native_socket() : -1; }
  int carrier_socket() const noexcept override { return inner_->carrier_socket(); }

  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
  asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  asio::awaitable<Result<void>> wait_writable() override { return inner_->wait_writable(); }
  asio::awaitable<Result<void>> wait_broken() override { return inner_->wait_broken(); }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  asio::awaitable<Result<std::size_t>> read_some(asio::mutable_buffer into) override {
    return inner_->read_some(into);
  }
  asio::awaitable<Result<std::size_t>> read_some_for(asio::mutable_buffer into,
                                                     Clock::duration limit) override {
    return inner_->read_some_for(into, limit);
  }
  void close(bool abort) noexcept override { inner_->close(abort); }

 private:
  // Each segment only when the peer's kernel has the one before, so that neither this kernel nor a
  // retransmission puts them together again.
  asio::awaitable<Result<void>> write_split(asio::const_buffer from, std::vector<std::size_t> cuts,
                                            std::function<void()> arrived) {
    if (cuts.size() > kMostSplits)
      cuts.erase(cuts.begin(), cuts.end() - static_cast<std::ptrdiff_t>(kMostSplits));
    std::size_t begin = 0;
    for (const auto cut : cuts) {
      if (cut <= begin || cut >= from.size()) continue;
      auto sent = co_await inner_->write_all(asio::buffer(from + begin, cut - begin));
      if (!sent) co_return sent;
      begin = cut;
      const bool known = co_await acknowledged();
      if (known && arrived) arrived();
    }
    co_return co_await inner_->write_all(from + begin);
  }

  // False when that is not known, but has been waited for.
  asio::awaitable<bool> acknowledged() {
    const auto begun = Clock::now();
    asio::steady_timer timer(inner_->executor());
    for (;;) {
      timer.expires_after(kPoll);
      co_await timer.async_wait(asio::use_awaitable);
      const auto pending = unacknowledged(inner_->carrier_socket());
      const auto waited = Clock::now() - begun;
      if (pending && *pending == 0) co_return true;
      if (waited >= (pending ? kLongestWait : kBlindWait)) co_return false;
    }
  }

  StreamPtr inner_;
  Way way_;
  std::function<void()> arrived_;
  bool left_ = false;  // the first flight has
};

}  // namespace

StreamPtr evading(StreamPtr inner, Way way, std::function<void()> arrived) {
  if (!cuts_hello(way)) return inner;
  return std::make_unique<EvadingStream>(std::move(inner), way, std::move(arrived));
}

}  // namespace surang::client
