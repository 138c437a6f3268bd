// Passes everything on but the socket: the base of streams that change one thing about another.
#pragma once

#include <utility>

#include "transports/core/stream.hpp"

namespace surang {

class WrappingStream : public Stream {
 public:
  explicit WrappingStream(StreamPtr inner) : inner_(std::move(inner)) {}
  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
  asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  Result<asio::const_buffer> try_write(asio::const_buffer from) override { return inner_->try_write(from); }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    return inner_->write_all(from);
  }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  void close(bool abort) noexcept override { inner_->close(abort); }
  int carrier_socket() const noexcept override { return inner_->carrier_socket(); }
  asio::awaitable<Result<void>> wait_broken() override { return inner_->wait_broken(); }

 protected:
  StreamPtr inner_;
};

}  // namespace surang
