#include "client/pt/pt_arguments.hpp"

#include <optional>
#include <utility>

namespace surang::client::pt {
namespace {

// Takes a text up to the first unescaped one of `ends` off the front of `rest`; nothing when an escape is cut
// off. `end` is what ended it, 0 for the end of the text.
std::optional<std::string> take_until(std::string_view& rest, std::string_view ends, char& end) {
  std::string out;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (ends.find(rest[i]) != ends.npos) {
      end = rest[i];
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] == '\\' && ++i == rest.size()) return std::nullopt;
    out += rest[i];
  }
  end = '\0';
  rest = {};
  return out;
}

// Takes "k=v" up to the next semicolon; false: it is none.
bool take_pair(std::string_view& rest, std::string& key, std::string& value) {
  char end = '\0';
  auto name = take_until(rest, "=;", end);
  if (!name || name->empty() || end != '=') return false;
  auto said = take_until(rest, ";", end);
  if (!said || (end == ';' && rest.empty())) return false;
  key = std::move(*name);
  value = std::move(*said);
  return true;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '=' || c == ',') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

Result<Arguments> parse_arguments(std::string_view text) {
  Arguments out;
  std::string key, value;
  while (!text.empty()) {
    if (!take_pair(text, key, value)) return make_error_code(Errc::bad_input);
    out.emplace(std::move(key), std::move(value));
  }
  return out;
}

Result<Arguments> parse_socks_arguments(std::string_view user, std::string_view password) {
  std::string text(user);
  if (password != std::string_view("\0", 1)) text += password;
  return parse_arguments(text);
}

Result<Arguments> parse_server_options(std::string_view text, std::string_view transport) {
  Arguments out;
  std::string key, value;
  while (!text.empty()) {
    char end = '\0';
    const auto name = take_until(text, ":;", end);
    if (!name || name->empty() || end != ':') return make_error_code(Errc::bad_input);
    if (!take_pair(text, key, value)) return make_error_code(Errc::bad_input);
    if (*name == transport) out.emplace(std::move(key), std::move(value));
  }
  return out;
}

std::string format_smethod_arguments(const Arguments& arguments) {
  std::string out;
  for (const auto& [key, value] : arguments)
    out += (out.empty() ? "" : ",") + escaped(key) + '=' + escaped(value);
  return out;
}

std::string_view value_of(const Arguments& arguments, std::string_view key) {
  const auto found = arguments.find(key);
  return found == arguments.end() ? std::string_view() : found->second;
}

}  // namespace surang::client::pt
