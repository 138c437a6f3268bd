#include "transports/tls/tls_stream.hpp"

#include <utility>

#include "transports/core/wakeup.hpp"
#include "transports/tls/tls_engine.hpp"

namespace surang::tls {
namespace {

class TlsStreamImpl final : public TlsStream {
 public:
  TlsStreamImpl(StreamPtr inner, SslPtr ssl, TlsTuning tuning, Bytes already_read)
      : executor_(inner->executor()),
        inner_(std::move(inner)),
        engine_(*inner_, std::move(ssl), tuning, std::move(already_read)) {}

  asio::any_io_executor executor() override { return executor_; }
  SSL* ssl() noexcept override { return engine_.ssl(); }
  bool early_data_accepted() const noexcept override { return engine_.early_accepted(); }
  std::string openssl_error() const override { return engine_.message(); }

  int carrier_socket() const noexcept override { return inner_->carrier_socket(); }

  void close(bool abort) noexcept override {
    closed_ = true;
    inner_->close(abort);
  }

  asio::awaitable<Result<void>> handshake() override { return drive(&Engine::step_handshake); }

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (closed_) return make_error_code(Errc::closed);
    auto r = engine_.read(static_cast<std::uint8_t*>(into.data()), into.size());
    // A failure is told when the alert that goes with it has left.
    if (r.has_error() && engine_.failure() && engine_.has_output() && !cut_)
      return make_error_code(Errc::would_block);
    return r;
  }

  asio::awaitable<Result<void>> wait_readable() override {
    if (closed_) co_return make_error_code(Errc::closed);
    // What reading gave rise to goes out (Finished, an alert, an answer to KeyUpdate); a writer under way
    // takes it along. If it cannot leave, reading tells why in its own time.
    if (engine_.has_output() && !cut_ && (!sending_ || engine_.failure())) (void)co_await flush();
    if (!engine_.starved()) co_return Result<void>{};
    co_return co_await pull();
  }

  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    const auto* data = static_cast<const std::uint8_t*>(from.data());
    auto left = from.size();
    while (left > 0) {
      if (closed_) co_return make_error_code(Errc::closed);
      std::size_t taken = 0;
      if (engine_.early_room() > 0) {
        const auto r = engine_.write_early(data, left);
        if (r.has_error()) co_return r.error();
        taken = *r;
      } else {
        if (!engine_.can_write()) {
          const auto ready = co_await drive(&Engine::step_handshake);
          if (ready.has_error()) co_return ready;
        }
        const auto r = engine_.write(data, left);
        if (r.has_error()) co_return r.error();
        taken = *r;
      }
      data += taken;
      left -= taken;
      const auto sent = co_await flush();
      if (sent.has_error()) co_return sent;
    }
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> shutdown_write() override {
    if (!engine_.finished()) {
      const auto ready = co_await drive(&Engine::step_to_finished);
      if (ready.has_error()) co_return ready;
    }
    const auto shut = engine_.shut();
    if (shut.has_error()) co_return shut;
    const auto sent = co_await flush();
    if (sent.has_error()) co_return sent;
    co_return co_await inner_->shutdown_write();
  }

 private:
  // Marks the one sender on the inner stream. If it does not come to its end, nothing can follow what it
  // began, and the stream counts as cut.
  class Sending {
   public:
    explicit Sending(TlsStreamImpl& stream) : stream_(stream) { stream_.sending_ = true; }
    ~Sending() {
      stream_.sending_ = false;
      if (!whole) stream_.cut_ = true;
      stream_.sent_.notify();
    }
    bool whole = false;

   private:
    TlsStreamImpl& stream_;
  };

  class Pulling {
   public:
    explicit Pulling(TlsStreamImpl& stream) : stream_(stream) { stream_.pulling_ = true; }
    ~Pulling() {
      stream_.pulling_ = false;
      stream_.pulled_.notify();
    }

   private:
    TlsStreamImpl& stream_;
  };

  // Sends everything OpenSSL has put out; returns when it has left, whoever sent it.
  asio::awaitable<Result<void>> flush() {
    while (sending_) co_await sent_.wait(executor_);
    if (cut_) co_return send_error_ ? send_error_ : make_error_code(Errc::closed);
    if (!engine_.has_output()) co_return Result<void>{};
    Sending sending(*this);
    while (engine_.has_output()) {
      auto records = engine_.take_output();
      Result<void> sent;
      const auto rest = inner_->try_write(asio::buffer(records));
      if (!rest)
        sent = rest.error();
      else if (rest->size() > 0)
        sent = co_await inner_->write_all(*rest);
      give_back_wire_buffer(std::move(records));
      if (sent.has_error()) {
        send_error_ = sent.error();
        co_return sent;
      }
    }
    sending.whole = true;
    co_return Result<void>{};
  }

  // Waits for bytes of the inner stream; one coroutine does, others wait for it.
  asio::awaitable<Result<void>> pull() {
    if (pulling_) {
      co_await pulled_.wait(executor_);
      co_return Result<void>{};
    }
    Pulling pulling(*this);
    const auto r = co_await inner_->wait_readable();
    engine_.feed();
    co_return r;
  }

  asio::awaitable<Result<void>> drive(Result<Engine::Step> (Engine::*step)()) {
    for (;;) {
      if (closed_) co_return make_error_code(Errc::closed);
      const auto done = (engine_.*step)();
      // An alert goes out even when the handshake failed.
      const auto sent = co_await flush();
      if (done.has_error()) co_return done.error();
      if (sent.has_error()) co_return sent;
      if (*done == Engine::Step::done) co_return Result<void>{};
      const auto fed = co_await pull();
      if (fed.has_error()) co_return fed;
    }
  }

  asio::any_io_executor executor_;
  StreamPtr inner_;
  Engine engine_;
  Wakeup sent_, pulled_;  // another coroutine is done with it
  bool sending_ = false, pulling_ = false, closed_ = false, cut_ = false;
  error_code send_error_;
};

}  // namespace

std::unique_ptr<TlsStream> TlsStream::make(StreamPtr inner, SslPtr ssl, TlsTuning tuning,
                                           Bytes already_read) {
  return std::make_unique<TlsStreamImpl>(std::move(inner), std::move(ssl), tuning, std::move(already_read));
}

}  // namespace surang::tls
