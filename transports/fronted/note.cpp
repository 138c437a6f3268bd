#include "transports/fronted/note.hpp"

#include <sodium.h>

#include <boost/endian/conversion.hpp>

namespace surang::fronted {
namespace {

constexpr std::size_t kNonce = crypto_aead_chacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_chacha20poly1305_ietf_ABYTES;
constexpr std::size_t kPlain = 25;
static_assert(kNoteSize == kNonce + kPlain + kTag);

bool is_known(std::uint8_t kind) {
  switch (static_cast<Note::Kind>(kind)) {
    case Note::Kind::up:
    case Note::Kind::up_last:
    case Note::Kind::down:
    case Note::Kind::both:
    case Note::Kind::abandon:
    case Note::Kind::received:
      return true;
  }
  return false;
}

}  // namespace

std::vector<std::uint8_t> seal_note(const NoteKey& key, const SessionName& session, const Note& note,
                                    std::size_t padding) {
  std::array<std::uint8_t, kPlain + kMaxNotePadding> plain{};
  plain[0] = static_cast<std::uint8_t>(note.kind);
  boost::endian::store_big_s64(plain.data() + 1, note.time);
  boost::endian::store_big_u64(plain.data() + 9, note.up);
  boost::endian::store_big_u64(plain.data() + 17, note.down);
  std::vector<std::uint8_t> out(kNoteSize + padding);
  randombytes_buf(out.data(), kNonce);
  crypto_aead_chacha20poly1305_ietf_encrypt(out.data() + kNonce, nullptr, plain.data(), kPlain + padding,
                                            session.data(), session.size(), nullptr, out.data(), key.data());
  return out;
}

std::optional<Note> open_note(const NoteKey& key, const SessionName& session,
                              std::span<const std::uint8_t> sealed) {
  if (sealed.size() < kNoteSize || sealed.size() > kNoteSize + kMaxNotePadding) return std::nullopt;
  std::array<std::uint8_t, kPlain + kMaxNotePadding> plain{};
  const auto box = sealed.subspan(kNonce);
  if (crypto_aead_chacha20poly1305_ietf_decrypt(plain.data(), nullptr, nullptr, box.data(), box.size(),
                                                session.data(), session.size(), sealed.data(),
                                                key.data()) != 0 ||
      !is_known(plain[0]))
    return std::nullopt;
  Note note;
  note.kind = static_cast<Note::Kind>(plain[0]);
  note.time = boost::endian::load_big_s64(plain.data() + 1);
  note.up = boost::endian::load_big_u64(plain.data() + 9);
  note.down = boost::endian::load_big_u64(plain.data() + 17);
  return note;
}

}  // namespace surang::fronted
