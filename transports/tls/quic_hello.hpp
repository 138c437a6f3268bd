// The ClientHello in what a client sends first by QUIC: its Initial packets are protected by what they show
// themselves (RFC 9001 5.2, RFC 9369 3.3), so whoever carries them can tell which site they are for. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace surang::tls {

class QuicHello {
 public:
  enum class State { need_more, complete, not_quic };

  /// The next datagram of one client to one server, in whatever order they come. not_quic: the first of them
  /// is none that begins a connection of version 1 or 2, or its hello is none; the state stays then.
  State feed(std::span<const std::uint8_t> datagram);
  /// Whether a datagram looks, at its first bytes, like one that begins a connection.
  static bool may_begin(std::span<const std::uint8_t> datagram) noexcept;
  /// Lower case; empty without SNI, and until complete.
  const std::string& server_name() const noexcept { return server_name_; }

 private:
  bool take_packet(std::span<const std::uint8_t>& rest);
  bool take_frames(std::span<const std::uint8_t> payload);
  bool take_crypto(std::uint64_t offset, std::span<const std::uint8_t> bytes);
  void look();

  State state_ = State::need_more;
  std::vector<std::uint8_t> message_;  // with holes
  std::vector<bool> have_;             // which bytes of it
  std::size_t whole_ = 0;              // before the first hole
  std::string server_name_;
};

}  // namespace surang::tls
