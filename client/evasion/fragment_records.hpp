// Cuts TLS records into smaller ones (RFC 8446 5.1 allows a handshake message in any number of records): the
// message stays the same byte for byte, and a box that looks at one record sees a part of the name. Pure.
// Used by evading_stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace surang::client {

/// `flight` with a new record beginning at each of `cuts` (offsets into it, in order) that lies inside a
/// record's payload. What is no whole record, and all behind it, stays as it is.
std::vector<std::uint8_t> fragment_records(std::span<const std::uint8_t> flight,
                                           std::span<const std::size_t> cuts);

}  // namespace surang::client
