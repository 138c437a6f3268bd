// A QUIC client's first packets as RFC 9001 protects them, for tests; by another road than the code that
// opens them.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace surang::test {

using Bytes = std::vector<std::uint8_t>;

struct InitialParts {
  std::uint32_t version = 1;  ///< or 0x6b3343cf
  Bytes id{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}, own_id, token;
  std::uint32_t number = 2;
  std::size_t number_size = 4;
};

/// The ClientHello of RFC 9001 A.2 for `name`, of 11 bytes as "example.com" is.
Bytes quic_hello(std::string_view name);
/// A CRYPTO frame.
Bytes crypto_frame(std::uint64_t offset, std::span<const std::uint8_t> bytes);
/// A protected Initial packet; its frames are filled up with padding to `size` bytes.
Bytes seal_initial(const InitialParts& parts, Bytes frames, std::size_t size = 1162);
/// What a client begins with: one datagram.
Bytes quic_beginning(std::string_view name);

}  // namespace surang::test
