// Two ends of obfs4 over memory, and a peer whose frames a test writes.
#pragma once

#include <doctest.h>

#include <algorithm>
#include <string>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/stream_words.hpp"
#include "tests/unit/transports/obfs4/frames_rig.hpp"
#include "transports/core/task_group.hpp"
#include "transports/obfs4/frame.hpp"
#include "transports/obfs4/obfs4_stream.hpp"

namespace surang::obfs4::rig {

namespace test = surang::test;

inline const auto kSecret = counting<144>();
inline constexpr std::array kModes{IatMode::off, IatMode::enabled, IatMode::paranoid};

// Passes everything on and keeps the sizes of writes. `at_once`: how much of each goes without waiting.
class Watched final : public Stream {
 public:
  Watched(StreamPtr inner, std::vector<std::size_t>& writes, std::size_t at_once = 0)
      : inner_(std::move(inner)), writes_(writes), at_once_(at_once), tasks_(inner_->executor()) {}
  asio::any_io_executor executor() override { return inner_->executor(); }
  Result<std::size_t> try_read(asio::mutable_buffer into) override { return inner_->try_read(into); }
  asio::awaitable<Result<void>> wait_readable() override { return inner_->wait_readable(); }
  Result<asio::const_buffer> try_write(asio::const_buffer from) override {
    const auto n = std::min(at_once_, from.size());
    if (n == 0) return from;
    writes_.push_back(n);
    auto bytes = std::make_shared<Bytes>(static_cast<const std::uint8_t*>(from.data()),
                                         static_cast<const std::uint8_t*>(from.data()) + n);
    tasks_.spawn(write_kept(*inner_, bytes));
    return from + n;
  }
  asio::awaitable<Result<void>> write_all(asio::const_buffer from) override {
    writes_.push_back(from.size());
    return inner_->write_all(from);
  }
  asio::awaitable<Result<void>> shutdown_write() override { return inner_->shutdown_write(); }
  void close(bool abort) noexcept override { inner_->close(abort); }
  int carrier_socket() const noexcept override { return 7; }

 private:
  static asio::awaitable<void> write_kept(Stream& to, std::shared_ptr<Bytes> bytes) {
    (void)co_await to.write_all(asio::buffer(*bytes));
  }
  StreamPtr inner_;
  std::vector<std::size_t>& writes_;
  std::size_t at_once_;
  TaskGroup tasks_;
};

inline StreamOptions with(IatMode iat, std::shared_ptr<const Shaping> shaping = nullptr, Bytes hello = {}) {
  StreamOptions options;
  options.iat = iat;
  options.shaping = std::move(shaping);
  options.hello = std::move(hello);
  return options;
}

struct Ends {
  Ends(asio::io_context& io, std::size_t chunk, IatMode iat) {
    auto [a, b] = test::memory_stream_pair(io.get_executor(), chunk);
    client = make_stream(std::move(a), kSecret, Role::client, with(iat));
    server = make_stream(std::move(b), kSecret, Role::server, with(iat));
  }
  StreamPtr client, server;
};

// A peer that a test writes the frames of.
struct ByHand {
  explicit ByHand(Role role)
      : encoder(role == Role::client ? std::span(kSecret).first<72>() : std::span(kSecret).last<72>()) {}
  Bytes frame(std::string_view payload, std::size_t padding = 0, PacketType type = PacketType::data) {
    Bytes out(kMaxFrame);
    const std::span bytes(reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size());
    out.resize(*encoder.encode(type, bytes, padding, out));
    return out;
  }
  FrameEncoder encoder;
};

inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline asio::awaitable<void> put(Stream& stream, Bytes bytes) {
  const auto r = co_await stream.write_all(asio::buffer(bytes));
  CHECK_MESSAGE(!r.has_error(), r.error().message());
}

using test::echo;
using test::put;
using test::random_text;
using test::read_into;
using test::read_to_end;
using test::say;

}  // namespace surang::obfs4::rig
