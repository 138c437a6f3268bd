#include "transports/core/prefixed_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "transports/core/wrapping_stream.hpp"

namespace surang {
namespace {

class PrefixedStream final : public WrappingStream {
 public:
  PrefixedStream(std::string first, StreamPtr inner)
      : WrappingStream(std::move(inner)), first_(std::move(first)) {}

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (first_.empty()) return inner_->try_read(into);
    const auto n = std::min(first_.size(), into.size());
    std::memcpy(into.data(), first_.data(), n);
    first_.erase(0, n);
    return n;
  }

  asio::awaitable<Result<void>> wait_readable() override {
    if (!first_.empty()) co_return Result<void>{};
    co_return co_await inner_->wait_readable();
  }

 private:
  std::string first_;
};

}  // namespace

StreamPtr make_prefixed_stream(std::string first, StreamPtr inner) {
  if (first.empty()) return inner;
  return std::make_unique<PrefixedStream>(std::move(first), std::move(inner));
}

}  // namespace surang
