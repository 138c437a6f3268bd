// Names and notes against the vectors of PROTOCOL.md, and what strangers may write.
#include "transports/fronted/request_path.hpp"

#include <doctest.h>

#include <algorithm>
#include <set>

#include "tests/support/hex.hpp"

using namespace surang;
using namespace surang::fronted;
using test::counting;
using test::hex;

namespace {

UserKey vector_user(std::uint8_t from = 0) {
  UserKey user;
  user.id.bytes = counting<8>(0xa0);
  user.secret = counting<32>(from);
  return user;
}

const auto kVectorBridge = counting<32>(0x40);
const SessionName kSession = mask_id(vector_user().id, counting<8>(0xb0), kVectorBridge, "fronted session");

Note a_note() {
  return {Note::Kind::both, 1800000000, 0x0102030405060708, 0x1112131415161718};
}

}  // namespace

TEST_CASE("what is derived from a user is what PROTOCOL.md shows") {
  const UserNames names(vector_user());
  CHECK(names.place == "c2fa6jzz6ar");
  CHECK(hex(names.note_key) == "666d6b18d7a5dc430e26f3f8c277f935581b92f7bae39a08ed198bf7d9596e30");
  CHECK(hex(kSession) == "8ce528e1c2168e6096e892630c0d69db");
}

TEST_CASE("places are of all lengths, and another one for nearly everybody") {
  std::set<std::string> places;
  std::set<std::size_t> sizes;
  for (int i = 0; i < 200; ++i) {
    const UserNames names(vector_user(static_cast<std::uint8_t>(i)));
    places.insert(names.place);
    sizes.insert(names.place.size());
    RequestPath path{names.place, kSession, std::vector<std::uint8_t>(kNoteSize)};
    CHECK_MESSAGE(parse_request_path(to_text(path)).has_value(), names.place);
  }
  CHECK(places.size() == 200);
  CHECK(sizes == std::set<std::size_t>{6, 7, 8, 9, 10, 11, 12, 13, 14});
}

TEST_CASE("a session's name tells its user to the bridge alone, and is another one every time") {
  const auto user = vector_user();
  std::set<SessionName> names;
  for (int i = 0; i < 100; ++i) {
    const auto name = draw_session_name(user.id, kVectorBridge);
    CHECK(user_of(name, kVectorBridge) == user.id);
    CHECK_FALSE(user_of(name, counting<32>(0x41)) == user.id);
    names.insert(name);
  }
  CHECK(names.size() == 100);
}

TEST_CASE("a note is read by its key, for its session, and in no other way") {
  const UserNames names(vector_user());
  for (const std::size_t padding : {std::size_t{0}, std::size_t{1}, std::size_t{100}, kMaxNotePadding}) {
    const auto sealed = seal_note(names.note_key, kSession, a_note(), padding);
    CHECK(sealed.size() == kNoteSize + padding);
    CHECK(open_note(names.note_key, kSession, sealed) == a_note());
    CHECK(sealed != seal_note(names.note_key, kSession, a_note(), padding));
    CHECK_FALSE(open_note(UserNames(vector_user(1)).note_key, kSession, sealed));
    auto other = kSession;
    other[15] ^= 1;
    CHECK_FALSE(open_note(names.note_key, other, sealed));
    for (std::size_t i = 0; i < sealed.size(); ++i) {
      auto changed = sealed;
      changed[i] ^= 0x80;
      CHECK_FALSE(open_note(names.note_key, kSession, changed));
      CHECK_FALSE(open_note(names.note_key, kSession, std::span(sealed).first(i)));
    }
  }
  auto unknown = a_note();
  unknown.kind = static_cast<Note::Kind>(77);
  CHECK_FALSE(open_note(names.note_key, kSession, seal_note(names.note_key, kSession, unknown, 0)));
}

TEST_CASE("a path is read as it was written, and nothing else is one") {
  const UserNames names(vector_user());
  const RequestPath path{names.place, kSession, seal_note(names.note_key, kSession, a_note(), 30)};
  const auto text = to_text(path);
  const auto read = parse_request_path(text);
  REQUIRE(read.has_value());
  CHECK(read->place == path.place);
  CHECK(read->session == path.session);
  CHECK(read->note == path.note);

  const auto behind = parse_request_path("/media/v2" + text);
  REQUIRE(behind.has_value());
  CHECK(behind->place == path.place);
  CHECK(behind->note == path.note);

  const auto session = text.substr(1 + names.place.size(), 23);
  const auto note = text.substr(text.rfind('/'));
  for (const std::string& bad : {std::string(),
                                 std::string("/"),
                                 std::string("/favicon.ico"),
                                 std::string("///"),
                                 text + '/',
                                 text + "?a=b",
                                 text + '=',
                                 text + "%41",
                                 text + "/x",
                                 text.substr(1),
                                 "media" + text,
                                 text.substr(0, text.size() - note.size()),
                                 "/abcde" + session + note,
                                 "/abcdefghijklmno" + session + note,
                                 "/1bcdefg" + session + note,
                                 "/Abcdefg" + session + note,
                                 "/abc-efg" + session + note,
                                 '/' + names.place + session.substr(0, 22) + note,
                                 '/' + names.place + session + 'A' + note,
                                 '/' + names.place + session + note.substr(0, 60),
                                 '/' + names.place + session + '/' + std::string(2000, 'A')})
    CHECK_MESSAGE(!parse_request_path(bad), bad);
}
