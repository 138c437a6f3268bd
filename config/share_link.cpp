#include "config/share_link.hpp"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace surang::config {
namespace {

constexpr std::string_view kScheme = "surang://";
constexpr std::size_t kLongest = 8 * 1024;

std::string base64url(std::span<const std::uint8_t> bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_URLSAFE_NO_PADDING), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  text.pop_back();  // the terminating zero
  return text;
}

bool from_base64url(std::string_view text, std::span<std::uint8_t> out) {
  std::size_t size = 0;
  const char* end = nullptr;
  return sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &size, &end,
                           sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
         size == out.size() && end == text.data() + text.size() &&
         base64url(out) == text;  // it takes bytes above ASCII for digits
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// RFC 3986 2.1; `also` names the characters that have no meaning where the text goes.
std::string percent_encoded(std::string_view text, std::string_view also = {}) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (unreserved(c) || also.find(c) != also.npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

bool control(unsigned char c) {
  return c < 0x20 || c == 0x7F;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto* digits = text.data() + i + 1;
    const auto [end, ec] = std::from_chars(digits, digits + 2, value, 16);
    if (ec != std::errc{} || end != digits + 2 || control(static_cast<unsigned char>(value)))
      return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::optional<std::uint16_t> port_number(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

// Cuts `text` at the first `mark`; the rest is empty when there is none.
std::pair<std::string_view, std::string_view> cut(std::string_view text, char mark) {
  const auto at = text.find(mark);
  if (at == text.npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

// "host,host,[v6]" with an optional ":port" behind the last.
bool parse_hosts(std::string_view text, ShareLink& link, std::optional<std::uint16_t>& port,
                 std::string& why) {
  if (const auto colon = text.rfind(':'); colon != text.npos && text.find(']', colon) == text.npos) {
    port = port_number(text.substr(colon + 1));
    if (!port) {
      why = "the port after the host must be a number from 1 to 65535";
      return false;
    }
    text = text.substr(0, colon);
  }
  while (!text.empty()) {
    const auto [host, rest] = cut(text, ',');
    const auto endpoint = Endpoint::make(host, 1);
    if (!endpoint) {
      why = "'" + std::string(host) + "' is neither a host name nor an address";
      return false;
    }
    link.bridge.hosts.push_back(endpoint->host());
    text = rest;
  }
  if (link.bridge.hosts.empty()) why = "the host is missing";
  return !link.bridge.hosts.empty();
}

// "https:443:sni=www.example.org"
bool parse_transport(std::string_view text, std::optional<std::uint16_t> port, ShareLink& link,
                     std::string& why) {
  TransportSpec spec;
  spec.port = port.value_or(443);
  auto [name, rest] = cut(text, ':');
  spec.name = name;
  if (spec.name.empty() ||
      spec.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos) {
    why = "a transport ('t=') needs a name, as in t=https:443";
    return false;
  }
  bool first = true;
  while (!rest.empty()) {
    const auto [part, more] = cut(rest, ':');
    rest = more;
    const auto equals = part.find('=');
    if (equals == part.npos && first) {
      const auto number = port_number(part);
      if (!number) {
        why = "the port of transport '" + spec.name + "' must be a number from 1 to 65535";
        return false;
      }
      spec.port = *number;
    } else {
      const auto key = percent_decoded(part.substr(0, equals));
      const auto value = equals == part.npos ? std::nullopt : percent_decoded(part.substr(equals + 1));
      if (!key || key->empty() || !value) {
        why = "a parameter of transport '" + spec.name + "' is not of the form name=value";
        return false;
      }
      spec.params[*key] = *value;
    }
    first = false;
  }
  link.transports.push_back(std::move(spec));
  return true;
}

bool parse(std::string_view text, ShareLink& link, std::string& why) {
  if (text.size() > kLongest) {
    why = "it is longer than " + std::to_string(kLongest) + " characters";
    return false;
  }
  if (!text.starts_with(kScheme)) {
    why = "a link begins with surang://";
    return false;
  }
  if (std::ranges::any_of(text, control)) {
    why = "there is a line break or another control character in it";
    return false;
  }
  const auto [address, fragment] = cut(text.substr(kScheme.size()), '#');
  const auto name = percent_decoded(fragment);
  if (!name) {
    why = "the name after # has a broken percent escape";
    return false;
  }
  link.name = *name;
  const auto [authority_and_path, query] = cut(address, '?');
  const auto [authority, path] = cut(authority_and_path, '/');
  if (!path.empty()) {
    why = "nothing may stand between the host's '/' and '?'";
    return false;
  }
  const auto at = authority.find('@');
  std::array<std::uint8_t, 40> id_and_secret{};
  if (at == authority.npos || !from_base64url(authority.substr(0, at), id_and_secret)) {
    why = "the part before '@' (the user's id and secret) is damaged or cut short";
    return false;
  }
  std::copy_n(id_and_secret.begin(), 8, link.bridge.user.id.bytes.begin());
  std::copy_n(id_and_secret.begin() + 8, 32, link.bridge.user.secret.begin());
  sodium_memzero(id_and_secret.data(), id_and_secret.size());

  std::optional<std::uint16_t> port;
  if (!parse_hosts(authority.substr(at + 1), link, port, why)) return false;

  bool have_key = false;
  for (auto rest = query; !rest.empty();) {
    const auto [pair, more] = cut(rest, '&');
    rest = more;
    const auto [raw_key, raw_value] = cut(pair, '=');
    const auto key = percent_decoded(raw_key);
    if (key && *key == "t") {
      if (!parse_transport(raw_value, port, link, why)) return false;
      continue;
    }
    const auto value = percent_decoded(raw_value);
    if (!key || !value) {
      why = "a parameter has a broken percent escape";
      return false;
    }
    if (*key == "k") {
      have_key = !have_key && from_base64url(*value, link.bridge.public_key);
      if (!have_key) {
        why = "'k' (the bridge's key) is damaged, cut short or given twice";
        return false;
      }
    } else if (!key->empty()) {
      link.unknown.emplace_back(*key, *value);
    }
  }
  if (!have_key) {
    why = "'k' (the bridge's key) is missing";
    return false;
  }
  if (link.transports.empty()) {
    why = "no transport ('t=') is named";
    return false;
  }
  return true;
}

}  // namespace

Result<ShareLink> parse_share_link(std::string_view text, std::string& why) {
  const auto first = text.find_first_not_of(" \t\r\n");
  text = first == text.npos ? std::string_view{}
                            : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  ShareLink link;
  std::string what;
  if (parse(text, link, what)) {
    // Escapes make it longer when it is written to a file, from which it must be read again.
    if (format_share_link(link).size() <= kLongest) return link;
    what = "it is longer than " + std::to_string(kLongest) + " characters when written with escapes";
  }
  why = "not a usable link: " + what;
  return make_error_code(Errc::bad_input);
}

std::string format_share_link(const ShareLink& link) {
  std::array<std::uint8_t, 40> id_and_secret{};
  std::ranges::copy(link.bridge.user.id.bytes, id_and_secret.begin());
  std::ranges::copy(link.bridge.user.secret, id_and_secret.begin() + 8);
  std::string text(kScheme);
  text += base64url(id_and_secret) + '@';
  for (bool first = true; const auto& host : link.bridge.hosts) {
    if (!first) text += ',';
    first = false;
    text += host.find(':') == host.npos ? host : '[' + host + ']';
  }
  text += "/?k=" + base64url(link.bridge.public_key);
  for (const auto& transport : link.transports) {
    text += "&t=" + transport.name + ':' + std::to_string(transport.port);
    for (const auto& [key, value] : transport.params)
      text += ':' + percent_encoded(key) + '=' + percent_encoded(value, ",/+");
  }
  for (const auto& [key, value] : link.unknown)
    text += '&' + percent_encoded(key) + '=' + percent_encoded(value);
  if (!link.name.empty()) text += '#' + percent_encoded(link.name);
  return text;
}

}  // namespace surang::config
