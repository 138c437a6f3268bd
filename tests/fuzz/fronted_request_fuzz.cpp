// What an edge, or whoever finds the origin, may ask for: the path of a request and the note in it.
#include <cstdlib>
#include <string_view>

#include "transports/fronted/request_path.hpp"

using namespace surang;
using namespace surang::fronted;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const UserNames names(UserKey{});
  const auto path = parse_request_path({reinterpret_cast<const char*>(data), size});
  if (!path) return 0;
  const auto again = parse_request_path(to_text(*path));
  if (!again || again->place != path->place || again->session != path->session || again->note != path->note)
    std::abort();
  (void)user_of(path->session, {});
  (void)open_note(names.note_key, path->session, path->note);
  return 0;
}
