// What a request to the bridge, or its answer, says besides bytes: which bytes are meant, and how far the
// other direction has come (PROTOCOL.md, fronted, Notes). Sealed under a key of the user's and bound to the
// session, so that a CDN reads random bytes and what it makes up is refused. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "transports/core/masked_id.hpp"

namespace surang::fronted {

using NoteKey = std::array<std::uint8_t, 32>;
using SessionName = MaskedId;  ///< of the user who made it

struct Note {
  enum class Kind : std::uint8_t {
    up = 0,        ///< the body's bytes are those from `up` on; those before `down` have come
    up_last = 1,   ///< and its end is that of the direction
    down = 2,      ///< the answer's body is to be the bytes from `down` on
    both = 3,      ///< up and down in one exchange
    abandon = 4,   ///< there is no client for this session any more
    received = 8,  ///< the bridge's: the bytes before `up` have come, none is missing; those before `down`
                   ///< were written
  };

  Kind kind = Kind::up;
  std::int64_t time = 0;  ///< unix seconds, by the clock of who says it
  std::uint64_t up = 0, down = 0;
  friend bool operator==(const Note&, const Note&) = default;
};

inline constexpr std::size_t kNoteSize = 12 + 25 + 16;  ///< without padding
inline constexpr std::size_t kMaxNotePadding = 512;

/// Sealed: random each time, kNoteSize + `padding` bytes; padding is at most kMaxNotePadding.
std::vector<std::uint8_t> seal_note(const NoteKey& key, const SessionName& session, const Note& note,
                                    std::size_t padding);

/// Nothing: it is not of the key's owner, not about this session, or of no kind that is known.
std::optional<Note> open_note(const NoteKey& key, const SessionName& session,
                              std::span<const std::uint8_t> sealed);

}  // namespace surang::fronted
