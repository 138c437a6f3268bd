#include "transports/tunnel/reach_answer.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "transports/core/endpoint.hpp"

namespace surang::tunnel {
namespace {

namespace json = boost::json;
using boost::asio::ip::address;

constexpr std::uint32_t kMostMs = 60'000;

constexpr std::string_view kReached[] = {"done", "refused", "timed_out", "unreachable", "closed", "failed"};
constexpr std::string_view kNames[] = {"found", "not_found", "timed_out", "failed"};

// The word's place in its list; the last one stands for words that a later version may have.
template <class Enum, std::size_t N>
Enum word_of(const std::string_view (&words)[N], std::string_view word) {
  const auto at = std::find(std::begin(words), std::end(words) - 1, word);
  return static_cast<Enum>(at - std::begin(words));
}

std::string hex(const Sha256& digest) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : digest) (text += digits[byte >> 4]) += digits[byte & 15];
  return text;
}

std::optional<Sha256> digest_of(std::string_view text) {
  Sha256 digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const int nibble = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (nibble < 0) return std::nullopt;
    digest[i / 2] = static_cast<std::uint8_t>(digest[i / 2] << 4 | nibble);
  }
  return digest;
}

// Reads members of one object; `ok` falls when one has another kind or shape than it must.
struct Reader {
  const json::object& from;
  bool& ok;

  const json::value* find(std::string_view name) const { return from.if_contains(name); }
  std::string_view text(std::string_view name) const {
    const auto* value = find(name);
    if (!value) return {};
    const auto* string = value->if_string();
    ok &= string != nullptr;
    return string ? std::string_view(*string) : std::string_view();
  }
  bool flag(std::string_view name) const {
    const auto* value = find(name);
    const auto* is = value ? value->if_bool() : nullptr;
    ok &= !value || is;
    return is && *is;
  }
  std::optional<std::uint64_t> number(std::string_view name) const {
    const auto* value = find(name);
    if (!value) return std::nullopt;
    if (const auto* n = value->if_int64(); n && *n >= 0) return static_cast<std::uint64_t>(*n);
    if (const auto* n = value->if_uint64()) return *n;
    ok = false;
    return std::nullopt;
  }
  Sha256 digest(std::string_view name) const {
    const auto* value = find(name);
    if (!value) return {};
    const auto read = digest_of(text(name));
    ok &= read.has_value();
    return read.value_or(Sha256{});
  }
  template <class Each>
  void each(std::string_view name, Each take) const {
    const auto* value = find(name);
    if (!value) return;
    const auto* array = value->if_array();
    ok &= array && array->size() <= kMostReachAddresses;
    if (ok)
      for (const auto& item : *array) take(item);
  }
  std::optional<Reader> inner(std::string_view name) const {
    const auto* value = find(name);
    const auto* object = value ? value->if_object() : nullptr;
    ok &= !value || object;
    if (!object) return std::nullopt;
    return Reader{*object, ok};
  }
};

// The canonical form only, so that a text is worth what it says to whoever compares addresses.
std::optional<address> address_of(std::string_view text) {
  boost::system::error_code ec;
  if (text.size() > 45) return std::nullopt;
  auto made = boost::asio::ip::make_address(std::string(text), ec);
  if (ec || (made.is_v6() && made.to_v6().scope_id() != 0)) return std::nullopt;
  return made;
}

std::size_t sequence_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first < 0xE0) return 2;
  if (first >= 0xE0 && first < 0xF0) return 3;
  if (first >= 0xF0 && first < 0xF5) return 4;
  return 0;
}

// The character at `at`, which it steps over; 0 for what is none, one byte of it then.
char32_t next_character(std::string_view from, std::size_t& at) {
  const auto first = static_cast<unsigned char>(from[at]);
  const auto length = sequence_length(first);
  char32_t c = length == 1 ? first : first & (0xFFu >> (length + 1));
  bool good = length > 0 && at + length <= from.size();
  for (std::size_t i = 1; good && i < length; ++i) {
    const auto byte = static_cast<unsigned char>(from[at + i]);
    good = (byte & 0xC0) == 0x80;
    c = c << 6 | (byte & 0x3F);
  }
  const bool overlong = (length == 3 && c < 0x800) || (length == 4 && c < 0x10000);
  good = good && !overlong && c <= 0x10FFFF && !(c >= 0xD800 && c <= 0xDFFF);
  at += good ? length : 1;
  return good ? c : 0;
}

// What moves the cursor, hides itself or turns the direction of a line.
bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || c == 0x61C;
}

}  // namespace

std::string_view to_string(Reached reached) noexcept {
  return kReached[std::min(static_cast<std::size_t>(reached), std::size(kReached) - 1)];
}

const ReachAnswer::Attempt* ReachAnswer::connected() const noexcept {
  for (const auto& attempt : attempts)
    if (attempt.result == Reached::done) return &attempt;
  return nullptr;
}

bool ReachAnswer::works() const noexcept {
  return (tls && tls->result == Reached::done) || (http && http->result == Reached::done);
}

bool speaks_http(std::uint16_t port) noexcept {
  return port == 80 || port == 8080;
}

std::string clean_text(std::string_view from, std::size_t most) {
  std::string text;
  std::size_t count = 0;
  bool blank = false;
  for (std::size_t at = 0; at < from.size() && count < most;) {
    const auto begin = at;
    const auto c = next_character(from, at);
    if (is_control(c) || c == ' ') {
      blank = true;
      continue;
    }
    if (std::exchange(blank, false) && !text.empty()) {
      if (++count == most) break;
      text += ' ';
    }
    text += from.substr(begin, at - begin);
    ++count;
  }
  return text;
}

std::string to_text(const ReachAnswer& a) {
  json::object out;
  out["name"] = kNames[static_cast<std::size_t>(a.name)];
  json::array addresses, attempts;
  for (const auto& one : a.addresses) addresses.emplace_back(one.to_string());
  for (const auto& one : a.attempts)
    attempts.push_back(
        {{"address", one.address.to_string()}, {"result", to_string(one.result)}, {"ms", one.ms}});
  out["addresses"] = std::move(addresses);
  out["attempts"] = std::move(attempts);
  if (a.tls) {
    json::object tls{{"result", to_string(a.tls->result)}};
    if (a.tls->leaf != Sha256{}) {
      tls["verified"] = a.tls->verified;
      if (!a.tls->problem.empty()) tls["problem"] = a.tls->problem;
      tls["leaf"] = hex(a.tls->leaf);
      tls["key"] = hex(a.tls->key);
    }
    out["tls"] = std::move(tls);
  }
  if (a.http) {
    json::object http{{"result", to_string(a.http->result)}};
    if (a.http->status > 0) {
      http["status"] = a.http->status;
      if (!a.http->location.empty()) http["location"] = a.http->location;
      if (a.http->length) http["length"] = *a.http->length;
      if (!a.http->title.empty()) http["title"] = a.http->title;
      http["head"] = hex(a.http->head);
    }
    out["http"] = std::move(http);
  }
  return json::serialize(out);
}

Result<ReachAnswer> parse_reach_answer(std::string_view text) {
  if (text.size() > kMostReachText) return make_error_code(Errc::protocol);
  json::parse_options options;
  options.max_depth = 8;
  boost::system::error_code ec;
  const auto value = json::parse(text, ec, {}, options);
  const auto* object = ec ? nullptr : value.if_object();
  if (!object) return make_error_code(Errc::protocol);

  bool ok = object->contains("name");
  const Reader read{*object, ok};
  ReachAnswer a;
  a.name = word_of<ReachAnswer::Name>(kNames, read.text("name"));
  read.each("addresses", [&](const json::value& item) {
    const auto* string = item.if_string();
    const auto made = string ? address_of(*string) : std::nullopt;
    ok &= made.has_value();
    if (made) a.addresses.push_back(*made);
  });
  read.each("attempts", [&](const json::value& item) {
    const auto* inner = item.if_object();
    ok &= inner != nullptr;
    if (!inner) return;
    const Reader one{*inner, ok};
    const auto made = address_of(one.text("address"));
    ok &= made.has_value();
    if (!made) return;
    const auto ms = std::min<std::uint64_t>(one.number("ms").value_or(0), kMostMs);
    a.attempts.push_back(
        {*made, word_of<Reached>(kReached, one.text("result")), static_cast<std::uint32_t>(ms)});
  });
  if (const auto tls = read.inner("tls")) {
    a.tls.emplace();
    a.tls->result = word_of<Reached>(kReached, tls->text("result"));
    a.tls->verified = tls->flag("verified");
    a.tls->problem = clean_text(tls->text("problem"));
    a.tls->leaf = tls->digest("leaf");
    a.tls->key = tls->digest("key");
    // A certificate that nobody showed verifies nothing.
    a.tls->verified &= a.tls->leaf != Sha256{} && a.tls->result == Reached::done;
  }
  if (const auto http = read.inner("http")) {
    a.http.emplace();
    a.http->result = word_of<Reached>(kReached, http->text("result"));
    const auto status = http->number("status").value_or(0);
    a.http->status = status >= 100 && status < 1000 ? static_cast<int>(status) : 0;
    if (const auto place = http->text("location"); !place.empty()) {
      const auto host = Endpoint::make(place, 80);
      ok &= host.has_value();
      if (host) a.http->location = host->host();
    }
    a.http->length = http->number("length");
    a.http->title = clean_text(http->text("title"));
    a.http->head = http->digest("head");
    ok &= a.http->result != Reached::done || a.http->status > 0;
  }
  if (!ok) return make_error_code(Errc::protocol);
  return a;
}

}  // namespace surang::tunnel
