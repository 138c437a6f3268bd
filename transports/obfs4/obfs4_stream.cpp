#include "transports/obfs4/obfs4_stream.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstring>
#include <optional>
#include <utility>

#include "transports/core/block_pool.hpp"
#include "transports/core/buffer.hpp"
#include "transports/core/wakeup.hpp"
#include "transports/obfs4/frame.hpp"

namespace surang::obfs4 {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Memory = BlockPool<Burst::kMemory, 8>;
using Clock = std::chrono::steady_clock;
using Secret = std::span<const std::uint8_t, 144>;

constexpr std::chrono::microseconds kPauseUnit{100};

struct BurstMemory {
  Memory::Block block = Memory::take();
  BurstMemory() = default;
  ~BurstMemory() { Memory::give(std::move(block)); }
  BurstMemory(const BurstMemory&) = delete;
  BurstMemory& operator=(const BurstMemory&) = delete;
  std::span<std::uint8_t, Burst::kMemory> all() {
    return std::span<std::uint8_t, Burst::kMemory>(block.get(), Burst::kMemory);
  }
};

DirectionSecret sent_by(Role role, Secret secret) {
  return role == Role::client ? secret.first<72>() : secret.last<72>();
}

class FramedStream final : public Obfs4Stream {
 public:
  FramedStream(StreamPtr raw, Secret secret, Role role, StreamOptions options, Bytes early)
      : executor_(raw->executor()),
        raw_(std::move(raw)),
        role_(role),
        iat_(options.iat),
        shaping_(std::move(options.shaping)),
        decoder_(sent_by(role == Role::client ? Role::server : Role::client, secret)),
        encoder_(sent_by(role, secret)),
        kept_(std::move(early)),
        more_(!kept_.empty()),
        unsent_(std::move(options.hello)),
        first_words_(std::move(options.first_words)) {
    if (!shaping_) shaping_ = role_ == Role::client ? Shaping::own() : Shaping::draw();
    if (role_ == Role::server) greet();
  }

  asio::any_io_executor executor() override { return executor_; }
  int carrier_socket() const noexcept override { return raw_ ? raw_->carrier_socket() : -1; }
  asio::awaitable<Result<void>> wait_broken() override {
    return raw_ ? raw_->wait_broken() : Stream::wait_broken();
  }

  void close(bool abort) noexcept override {
    closed_ = true;
    if (raw_) raw_->close(abort);
  }

  StreamPtr release() override {
    closed_ = true;
    return std::move(raw_);
  }

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (closed_) return make_error_code(Errc::closed);
    const std::span room(static_cast<std::uint8_t*>(into.data()), into.size());
    if (room.empty()) return std::size_t{0};
    auto got = take_plain(room);
    if (got < room.size() && more_) {
      Bytes frames = std::exchange(kept_, {});
      got += decode(std::span(frames).subspan(std::exchange(kept_at_, 0)), room.subspan(got));
    }
    if (got > 0) return got;
    if (failure_) return failure_;
    if (ended_) return std::size_t{0};
    return read_raw(room);
  }

  asio::awaitable<Result<void>> wait_readable() override {
    if (closed_) co_return make_error_code(Errc::closed);
    // A writer under way takes the hello along. If it cannot leave, writing tells why.
    if (!unsent_.empty() && !sending_) (void)co_await flush();
    if (closed_) co_return make_error_code(Errc::closed);
    if (plain_ > 0 || more_ || failure_ || ended_) co_return Result<void>{};
    if (kept_.size() == kept_at_) {
      Bytes().swap(kept_);
      kept_at_ = 0;
    }
    co_return co_await raw_->wait_readable();
  }

  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    const auto flushed = co_await flush();
    if (!flushed || from.size() == 0) co_return flushed;
    if (told_) shaping_ = Shaping::of(*std::exchange(told_, std::nullopt));
    const auto shaping = shaping_;
    std::span payload(static_cast<const std::uint8_t*>(from.data()), from.size());
    Bytes words = std::exchange(first_words_, {});
    if (!words.empty()) {
      words.insert(words.end(), payload.begin(), payload.end());
      payload = words;
    }
    Sending sending(*this);
    BurstMemory memory;
    Burst burst(encoder_, shaping->length, iat_, payload, memory.all());
    for (;;) {
      const auto piece = burst.next();
      if (!piece) co_return piece.error();
      if (piece->empty()) break;
      if (iat_ != IatMode::off) co_await pause();
      const auto sent = co_await send(asio::buffer(piece->data(), piece->size()));
      if (!sent) co_return sent;
      if (iat_ != IatMode::off) next_piece_ = Clock::now() + shaping->pause.sample() * kPauseUnit;
    }
    sending.whole = true;
    co_return Result<void>{};
  }

  asio::awaitable<Result<void>> shutdown_write() override {
    const auto flushed = co_await flush();
    if (!flushed) co_return flushed;
    co_return co_await raw_->shutdown_write();
  }

 private:
  // Marks the one sender on the stream beneath. If it does not come to its end, nothing can follow what it
  // began, and the stream counts as cut.
  class Sending {
   public:
    explicit Sending(FramedStream& stream) : stream_(stream) { stream_.sending_ = true; }
    ~Sending() {
      stream_.sending_ = false;
      if (!whole) stream_.cut_ = true;
      stream_.sent_.notify();
    }
    Sending(const Sending&) = delete;
    Sending& operator=(const Sending&) = delete;
    bool whole = false;

   private:
    FramedStream& stream_;
  };

  // The server's hello and the frame that tells its seed, as far as they go.
  void greet() {
    const auto hello = unsent_.size();
    unsent_.resize(hello + kFrameOverhead + shaping_->seed.size());
    (void)encoder_.encode(PacketType::seed, shaping_->seed, 0, std::span(unsent_).subspan(hello));
    const auto rest = raw_->try_write(asio::buffer(unsent_));
    if (!rest) {
      cut_ = true;
      send_error_ = rest.error();
    }
    const auto left = rest ? rest->size() : 0;
    unsent_.erase(unsent_.begin(), unsent_.end() - static_cast<std::ptrdiff_t>(left));
    if (unsent_.empty()) Bytes().swap(unsent_);
  }

  // Whether bytes may follow; the hello has left then, whoever sent it.
  asio::awaitable<Result<void>> flush() {
    while (sending_) co_await sent_.wait(executor_);
    if (closed_) co_return make_error_code(Errc::closed);
    if (cut_) co_return send_error_ ? send_error_ : make_error_code(Errc::closed);
    if (failure_ == Errc::protocol) co_return failure_;
    if (unsent_.empty()) co_return Result<void>{};
    Sending sending(*this);
    const Bytes hello = std::exchange(unsent_, {});
    const auto sent = co_await send(asio::buffer(hello));
    sending.whole = sent.has_value();
    co_return sent;
  }

  asio::awaitable<Result<void>> send(asio::const_buffer bytes) {
    Result<void> sent = make_error_code(Errc::closed);
    if (failure_ == Errc::protocol) {
      sent = failure_;
    } else if (!closed_) {
      const auto rest = raw_->try_write(bytes);
      sent = rest ? Result<void>{} : Result<void>(rest.error());
      if (rest && rest->size() > 0) sent = co_await raw_->write_all(*rest);
    }
    if (!sent) send_error_ = sent.error();
    co_return sent;
  }

  asio::awaitable<void> pause() {
    if (Clock::now() >= next_piece_) co_return;
    asio::steady_timer timer(executor_, next_piece_);
    co_await timer.async_wait(asio::use_awaitable);
  }

  std::size_t take_plain(std::span<std::uint8_t> room) {
    const auto n = std::min(plain_, room.size());
    std::copy_n(kept_.begin() + static_cast<std::ptrdiff_t>(kept_at_), n, room.begin());
    plain_ -= n;
    kept_at_ += n;
    return n;
  }

  // Asks for about as many bytes as the reader has room for, so that hardly ever more than a part of a frame
  // is left over.
  Result<std::size_t> read_raw(std::span<std::uint8_t> room) {
    ScratchBuffer scratch;
    const auto held = kept_.size() - kept_at_;
    std::copy_n(kept_.begin() + static_cast<std::ptrdiff_t>(kept_at_), held, scratch.data());
    const auto most = std::clamp(room.size(), kMaxFrame, ScratchBuffer::kSize);
    const auto n = raw_->try_read(asio::buffer(scratch.data() + held, most - held));
    if (!n) {
      if (n.error() != Errc::would_block) failure_ = n.error();
      return n;
    }
    if (*n == 0) {
      ended_ = true;
      if (held == 0 && !decoder_.inside_frame()) return n;
      failure_ = make_error_code(Errc::truncated);
      return failure_;
    }
    kept_.clear();
    kept_at_ = 0;
    const auto got = decode({scratch.data(), held + *n}, room);
    if (got > 0) return got;
    return failure_ ? failure_ : make_error_code(Errc::would_block);
  }

  // Frames out of `input`, until it or `room` is used up; what is left of `input` is kept.
  std::size_t decode(std::span<std::uint8_t> input, std::span<std::uint8_t> room) {
    std::size_t got = 0;
    more_ = false;
    while (got < room.size()) {
      Packet packet;
      const auto free = room.subspan(got);
      const auto outcome = decoder_.next(input, free, packet);
      if (outcome == FrameDecoder::Outcome::failed) {
        failure_ = make_error_code(Errc::protocol);
        return got;
      }
      if (outcome == FrameDecoder::Outcome::need_more) {
        keep({}, input);
        return got;
      }
      if (packet.type == PacketType::seed) hear_seed(packet.payload);
      if (packet.type != PacketType::data) continue;
      const auto n = std::min(packet.payload.size(), free.size());
      if (packet.payload.data() != free.data()) std::copy_n(packet.payload.begin(), n, free.begin());
      got += n;
      if (n < packet.payload.size()) {
        more_ = !input.empty();
        keep(packet.payload.subspan(n), input);
        return got;
      }
    }
    more_ = !input.empty();
    keep({}, input);
    return got;
  }

  void keep(std::span<const std::uint8_t> plain, std::span<const std::uint8_t> frames) {
    plain_ = plain.size();
    const auto size = plain.size() + frames.size();
    if (size > 0) kept_.reserve(std::max(size, kMaxFrame));  // once for all that follow
    kept_.assign(plain.begin(), plain.end());
    kept_.insert(kept_.end(), frames.begin(), frames.end());
  }

  void hear_seed(std::span<const std::uint8_t> payload) {
    if (role_ == Role::server || payload.size() != Seed{}.size()) return;
    std::copy(payload.begin(), payload.end(), told_.emplace().begin());
  }

  asio::any_io_executor executor_;
  StreamPtr raw_;
  const Role role_;
  const IatMode iat_;
  std::shared_ptr<const Shaping> shaping_;
  std::optional<Seed> told_;  // replaces it with the next write
  FrameDecoder decoder_;
  FrameEncoder encoder_;
  // What was read and not yet taken: from kept_at_ on `plain_` bytes for the reader, then frames, of which
  // `more_` says that there may be whole ones.
  Bytes kept_;
  std::size_t kept_at_ = 0, plain_ = 0;
  bool more_;
  bool ended_ = false, closed_ = false;
  error_code failure_;  // of reading
  Bytes unsent_;        // of the hello
  Bytes first_words_;
  Wakeup sent_;  // another coroutine is done with it
  bool sending_ = false, cut_ = false;
  error_code send_error_;
  Clock::time_point next_piece_{};
};

}  // namespace

std::unique_ptr<Obfs4Stream> make_stream(StreamPtr raw, Secret secret, Role role, StreamOptions options,
                                         Bytes early) {
  return std::make_unique<FramedStream>(std::move(raw), secret, role, std::move(options), std::move(early));
}

}  // namespace surang::obfs4
