#include "transports/noise/noise_stream.hpp"

#include <sodium.h>

#include <algorithm>
#include <boost/endian/conversion.hpp>
#include <cstring>
#include <utility>

#include "transports/core/alarm.hpp"
#include "transports/core/block_pool.hpp"
#include "transports/core/buffer.hpp"
#include "transports/noise/length_mask.hpp"

namespace surang::noise {
namespace {

enum class Type : std::uint8_t { data = 0, filler = 1, end = 2 };

constexpr std::size_t kHead = 2, kType = 1, kTag = CipherState::kTag;
constexpr std::size_t kMostContent = 16 * 1024 - kType - kTag;  // a box fills four of the blocks beneath
constexpr std::size_t kOverhead = kHead + kType + kTag;
constexpr std::size_t kMostFiller = 64;
constexpr std::size_t kReadAhead = 64 * 1024;
// A read goes behind what has come of one frame.
using Memory = BlockPool<kOverhead + kMostContent + kReadAhead, 4>;

class NoiseStream final : public Stream {
 public:
  NoiseStream(StreamPtr raw, Session session, Role role, StreamOptions options)
      : raw_(std::move(raw)),
        in_(role == Role::client ? std::move(session.server_to_client) : std::move(session.client_to_server)),
        out_(role == Role::client ? std::move(session.client_to_server)
                                  : std::move(session.server_to_client)),
        in_mask_(session.length_key, role == Role::client),
        out_mask_(session.length_key, role == Role::server),
        filler_after_(options.filler_after),
        idle_(raw_->executor()) {
    watch_idle();
  }
  ~NoiseStream() override { give_memory(); }

  asio::any_io_executor executor() override { return raw_->executor(); }
  int carrier_socket() const noexcept override { return raw_->carrier_socket(); }
  asio::awaitable<Result<void>> wait_broken() override { return raw_->wait_broken(); }

  void close(bool abort) noexcept override {
    closed_ = true;
    idle_.cancel();
    raw_->close(abort);
  }

  Result<std::size_t> try_read(asio::mutable_buffer into) override {
    if (closed_) return make_error_code(Errc::closed);
    std::span room(static_cast<std::uint8_t*>(into.data()), into.size());
    if (room.empty()) return std::size_t{0};
    std::size_t got = 0;
    for (;;) {
      got += take_content(room.subspan(got));
      if (got == room.size()) return got;
      if (open_frame()) continue;
      if (got > 0) return got;
      if (failure_) return failure_;
      if (ended_) return std::size_t{0};
      const auto more = read_raw();
      if (!more) return more.error();
    }
  }

  asio::awaitable<Result<void>> wait_readable() override {
    if (closed_) co_return make_error_code(Errc::closed);
    if (content_ > 0 || failure_ || ended_ || frame_is_whole()) co_return Result<void>{};
    if (end_ == at_) give_memory();
    co_return co_await raw_->wait_readable();
  }

  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    return send(Type::data, {static_cast<const std::uint8_t*>(from.data()), from.size()});
  }

  asio::awaitable<Result<void>> shutdown_write() override {
    idle_.cancel();
    filler_after_ = {};
    const auto sent = co_await send(Type::end, {});
    if (!sent) co_return sent;
    co_return co_await raw_->shutdown_write();
  }

 private:
  // What a writer that is cancelled has begun nobody can go on with.
  struct Sending {
    NoiseStream& stream;
    bool whole = false;
    ~Sending() {
      stream.sending_ = false;
      if (!whole) stream.cut_ = true;
    }
  };

  asio::awaitable<Result<void>> send(Type type, std::span<const std::uint8_t> content) {
    if (closed_ || cut_) co_return make_error_code(Errc::closed);
    if (failure_ == Errc::protocol) co_return failure_;
    if (type == Type::data && content.empty()) co_return Result<void>{};
    sending_ = true;
    Sending sending{*this};
    if (!unsent_.empty()) {
      const Bytes filler = std::exchange(unsent_, {});
      const auto sent = co_await raw_->write_all(asio::buffer(filler));
      if (!sent) co_return sent;
    }
    ScratchBuffer scratch;
    do {
      std::size_t size = 0;
      do {
        const auto n = std::min({content.size(), kMostContent, ScratchBuffer::kSize - size - kOverhead});
        size += seal_frame(type, content.first(n), scratch.data() + size);
        content = content.subspan(n);
      } while (!content.empty() && ScratchBuffer::kSize - size > kOverhead);
      const auto sent = co_await raw_->write_all(asio::buffer(scratch.data(), size));
      if (!sent) co_return sent;
    } while (!content.empty());
    sending.whole = true;
    written_ = Alarm::Clock::now();
    co_return Result<void>{};
  }

  std::size_t seal_frame(Type type, std::span<const std::uint8_t> content, std::uint8_t* to) {
    const auto size = kType + content.size() + kTag;
    boost::endian::store_big_u16(to, static_cast<std::uint16_t>(size ^ out_mask_.next()));
    to[kHead] = static_cast<std::uint8_t>(type);
    if (!content.empty()) std::memcpy(to + kHead + kType, content.data(), content.size());
    out_.seal({}, {to + kHead, kType + content.size()}, to + kHead);
    return kHead + size;
  }

  void watch_idle() {
    if (filler_after_.count() == 0) return;
    const auto more = randombytes_uniform(static_cast<std::uint32_t>(filler_after_.count() / 3 + 1));
    const auto due =
        std::max(written_ + filler_after_, Alarm::Clock::now()) + std::chrono::milliseconds(more);
    idle_.set(due, [this] {
      if (Alarm::Clock::now() - written_ >= filler_after_) say_filler();
      watch_idle();
    });
  }

  // Not beside a writer, and not where the last filler still waits: there is enough under way then.
  void say_filler() {
    if (closed_ || cut_ || sending_ || failure_ || !unsent_.empty()) return;
    Bytes content(randombytes_uniform(kMostFiller)), frame(content.size() + kOverhead);
    (void)seal_frame(Type::filler, content, frame.data());
    const auto rest = raw_->try_write(asio::buffer(frame));
    if (!rest) {
      cut_ = true;  // the next writer is told why, by what is beneath
      return;
    }
    const auto* left = static_cast<const std::uint8_t*>(rest->data());
    unsent_.assign(left, left + rest->size());
    written_ = Alarm::Clock::now();
  }

  std::size_t take_content(std::span<std::uint8_t> room) {
    const auto n = std::min(content_, room.size());
    if (n > 0) std::memcpy(room.data(), kept_.get() + at_, n);
    at_ += n;
    content_ -= n;
    if (n > 0 && content_ == 0) at_ += kTag;
    return n;
  }

  // Of the frame at at_; 0: its head has not come.
  std::size_t box_size() {
    if (box_ == 0 && end_ - at_ >= kHead) {
      box_ = boost::endian::load_big_u16(kept_.get() + at_) ^ in_mask_.next();
      at_ += kHead;
      if (box_ < kType + kTag || box_ > kType + kMostContent + kTag)
        failure_ = make_error_code(Errc::protocol);
    }
    return box_;
  }

  bool frame_is_whole() {
    const auto size = content_ > 0 || failure_ ? 0 : box_size();
    return !failure_ && size > 0 && end_ - at_ >= size;
  }

  // Decrypts the next frame where it lies; false when there is none to be had.
  bool open_frame() {
    if (ended_ || !frame_is_whole()) return false;
    const std::span box(kept_.get() + at_, std::exchange(box_, 0));
    if (!in_.open({}, box, box.data())) {
      failure_ = make_error_code(Errc::protocol);
      return false;
    }
    const auto content = box.size() - kType - kTag;
    const auto type = static_cast<Type>(box[0]);
    if (type == Type::data && content > 0) {
      at_ += kType;
      content_ = content;
      return true;
    }
    at_ += box.size();
    if (type == Type::end) ended_ = true;
    return !ended_;  // what is of no known type is borne with
  }

  Result<void> read_raw() {
    if (!kept_) kept_ = Memory::take();
    end_ -= at_;
    if (at_ > 0) std::memmove(kept_.get(), kept_.get() + std::exchange(at_, 0), end_);
    const auto n = raw_->try_read(asio::buffer(kept_.get() + end_, kReadAhead));
    if (n) end_ += *n;
    if (n && *n > 0) return {};
    if (n)
      failure_ = make_error_code(Errc::truncated);
    else if (n.error() != Errc::would_block)
      failure_ = n.error();
    return n ? failure_ : n.error();
  }

  void give_memory() noexcept {
    Memory::give(std::move(kept_));
    at_ = end_ = 0;
  }

  StreamPtr raw_;
  CipherState in_, out_;
  LengthMask in_mask_, out_mask_;
  // What was read and not yet taken, from at_ to end_: content_ bytes for the reader and their tag, then
  // frames.
  Memory::Block kept_;
  std::size_t at_ = 0, end_ = 0, content_ = 0;
  std::size_t box_ = 0;  // size of the frame at at_, once its head has been read
  bool ended_ = false, closed_ = false, sending_ = false, cut_ = false;
  error_code failure_;  // of reading
  Bytes unsent_;        // of a filler
  std::chrono::milliseconds filler_after_;
  Alarm::Clock::time_point written_ = Alarm::Clock::now();
  Alarm idle_;
};

}  // namespace

StreamPtr make_stream(StreamPtr raw, Session session, Role role, StreamOptions options) {
  return std::make_unique<NoiseStream>(std::move(raw), std::move(session), role, options);
}

}  // namespace surang::noise
