#include "transports/fronted/request_path.hpp"

#include <sodium.h>

#include <algorithm>

namespace surang::fronted {
namespace {

constexpr std::string_view kNamePurpose = "fronted session";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::size_t kShortest = 6, kLongest = 14;

std::string base64url(std::span<const std::uint8_t> bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string out(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(out.data(), out.size(), bytes.data(), bytes.size(), kVariant);
  out.pop_back();  // its NUL
  return out;
}

// All of `text`, and no more than `into` has room for; says how many bytes.
std::optional<std::size_t> from_base64url(std::string_view text, std::span<std::uint8_t> into) {
  std::size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(into.data(), into.size(), text.data(), text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  return size;
}

bool is_place(std::string_view text) {
  return text.size() >= kShortest && text.size() <= kLongest &&
         text.find_first_not_of(kLetters) == text.npos && text.front() >= 'a';
}

}  // namespace

UserNames::UserNames(const UserKey& user) {
  std::array<std::uint8_t, 1 + kLongest> drawn{};
  derive_key(user.secret, "fronted place", drawn);
  place.resize(kShortest + drawn[0] % (kLongest - kShortest + 1));
  for (std::size_t i = 0; i < place.size(); ++i) place[i] = kLetters[drawn[i + 1] % (i == 0 ? 26 : 36)];
  derive_key(user.secret, "fronted note", note_key);
}

SessionName draw_session_name(const UserId& user, const std::array<std::uint8_t, 32>& bridge_key) {
  std::array<std::uint8_t, 8> salt{};
  randombytes_buf(salt.data(), salt.size());
  return mask_id(user, salt, bridge_key, kNamePurpose);
}

UserId user_of(const SessionName& session, const std::array<std::uint8_t, 32>& bridge_key) {
  return unmask_id(session, bridge_key, kNamePurpose);
}

std::string to_text(const RequestPath& path) {
  return '/' + path.place + '/' + base64url(path.session) + '/' + base64url(path.note);
}

std::optional<RequestPath> parse_request_path(std::string_view path) {
  std::array<std::string_view, 3> parts;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const auto slash = path.rfind('/');
    if (slash == path.npos) return std::nullopt;
    *part = path.substr(slash + 1);
    path.remove_suffix(part->size() + 1);
  }
  if ((!path.empty() && path.front() != '/') || !is_place(parts[0])) return std::nullopt;
  RequestPath out;
  out.place = parts[0];
  const auto named = from_base64url(parts[1], out.session);
  if (!named || *named != out.session.size()) return std::nullopt;
  std::array<std::uint8_t, kNoteSize + kMaxNotePadding> note{};
  const auto size = from_base64url(parts[2], note);
  if (!size || *size < kNoteSize) return std::nullopt;
  out.note.assign(note.begin(), note.begin() + static_cast<std::ptrdiff_t>(*size));
  return out;
}

}  // namespace surang::fronted
