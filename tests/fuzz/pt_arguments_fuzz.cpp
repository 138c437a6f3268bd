// The arguments of a pluggable transport: where they are cut into user name and password changes nothing, and
// what is read can be written and read again.
#include <cstdint>
#include <cstdlib>

#include "client/pt/pt_arguments.hpp"

using namespace surang::client::pt;

namespace {

std::string written(const Arguments& arguments, const std::string& before) {
  std::string out;
  const auto put = [&out](std::string_view text) {
    for (const char c : text) {
      if (c == '\\' || c == '=' || c == ';' || c == ':') out += '\\';
      out += c;
    }
  };
  for (const auto& [key, value] : arguments) {
    out += (out.empty() ? "" : ";") + before;
    put(key);
    out += '=';
    put(value);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = parse_arguments(text);
  const auto cut = data[0] % (text.size() + 1);
  const auto rest = text.substr(cut);
  const auto parts = parse_socks_arguments(text.substr(0, cut), rest);
  if (rest != std::string_view("\0", 1) &&
      (whole.has_value() != parts.has_value() || (whole && *whole != *parts)))
    std::abort();
  if (whole && parse_arguments(written(*whole, "")).value() != *whole) std::abort();
  const auto options = parse_server_options(text, "obfs4");
  if (options && parse_server_options(written(*options, "obfs4:"), "obfs4").value() != *options) std::abort();
  if (whole) (void)format_smethod_arguments(*whole);
  return 0;
}
