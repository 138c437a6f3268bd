#include "transports/core/prefixed_stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace surang {
namespace {

class PrefixedStream final : public Stream {
 public:
  PrefixedStream(std::string first, StreamPtr inner) : first_(std::move(first)), inner_(std::move(inner)) {}

  asio::any_io_executor executor() override { return inner_->executor(); }

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

  Result<asio::const_buffer> try_write(asio::const_buffer from) override { return inner_->try_write(from); }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    return inner_->write_all(from);
  }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  void close(bool abort) noexcept override { inner_->close(abort); }
  int carrier_socket() const noexcept override { return inner_->carrier_socket(); }
  asio::awaitable<Result<void>> wait_broken() override { return inner_->wait_broken(); }

 private:
  std::string first_;
  const StreamPtr inner_;
};

}  // namespace

StreamPtr make_prefixed_stream(std::string first, StreamPtr inner) {
  if (first.empty()) return inner;
  return std::make_unique<PrefixedStream>(std::move(first), std::move(inner));
}

}  // namespace surang
