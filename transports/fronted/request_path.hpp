// The path of every request: /PLACE/SESSION/NOTE (PROTOCOL.md, fronted, Requests). The place is a user's own,
// so that no rule matches all; the session stands by itself, so that edges can choose a bridge by it. Pure.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "transports/fronted/note.hpp"

namespace surang::fronted {

/// What client and bridge derive from a user's secret.
struct UserNames {
  std::string place;  ///< 6 to 14 lower-case letters and digits, the first one a letter
  NoteKey note_key{};
  explicit UserNames(const UserKey& user);
};

/// For a session that begins now.
SessionName draw_session_name(const UserId& user, const std::array<std::uint8_t, 32>& bridge_key);
/// Whose it is, if it is a session's at all.
UserId user_of(const SessionName& session, const std::array<std::uint8_t, 32>& bridge_key);

struct RequestPath {
  std::string place;
  SessionName session{};
  std::vector<std::uint8_t> note;  ///< sealed
};

std::string to_text(const RequestPath& path);
/// Nothing for what no client of ours writes. A query behind it is none. What an edge is asked for before it
/// (Front::prefix) may have come along.
std::optional<RequestPath> parse_request_path(std::string_view path);

}  // namespace surang::fronted
