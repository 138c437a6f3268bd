// A QR code as text for a terminal (ISO/IEC 18004, by libqrencode), so that a phone can read a link off the
// screen.
#pragma once

#include <string>
#include <string_view>

namespace surang::bridge {

/// Half-block characters, two modules a line, with the quiet zone of four modules, in explicit black on white
/// so that dark terminals work too. Empty when `text` is too long for any QR code.
std::string qr_code(std::string_view text);

}  // namespace surang::bridge
