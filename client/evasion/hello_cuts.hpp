// Where to cut a ClientHello so that the site's name cannot be read from one piece: inside every label of the
// SNI left of the public suffix. Pure. Asked by evading_stream; how the pieces travel is decided there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace surang::client {

/// Offsets into `name` inside its labels left of the public suffix; behind a label of one character. In
/// order.
std::vector<std::size_t> label_cuts(std::string_view name);

/// Offsets into `flight`, which begins with a whole ClientHello (RFC 8446 4.1.2) in however many records:
/// each is where a new piece begins. In order; none when there is no name in it, or it is no hello.
std::vector<std::size_t> hello_cuts(std::span<const std::uint8_t> flight);

}  // namespace surang::client
