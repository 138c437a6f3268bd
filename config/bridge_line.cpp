#include "config/bridge_line.hpp"

#include <algorithm>
#include <array>

#include "transports/obfs4/burst.hpp"
#include "transports/obfs4/identity.hpp"

namespace surang::config {
namespace {

constexpr std::size_t kLongest = 2 * 1024;
constexpr std::string_view kBlank = " \t\r\n";
constexpr std::string_view kTransport = "obfs4", kFingerprint = "fingerprint", kBehind = "behind";
constexpr std::array<std::string_view, 3> kFirst{"cert", "iat-mode", kBehind};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Takes the first word off.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
  const auto word = text.substr(0, text.find_first_of(kBlank));
  text.remove_prefix(word.size());
  return word;
}

bool is_word_bridge(std::string_view word) {
  return std::ranges::equal(word, std::string_view("bridge"), {}, lower);
}

bool printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

bool hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

// Without what nobody means as a name for a transport, so that it may be said.
bool nameable(std::string_view word) {
  return !word.empty() && word.size() <= 32 &&
         word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
             word.npos;
}

bool parse_address(std::string_view word, ShareLink& link, TransportSpec& spec, std::string& why) {
  const auto at = Endpoint::parse(word);
  if (!at || at->port() == 0) {
    why = "the address must be given with its port, as in 192.0.2.1:443 or [2001:db8::1]:443";
    return false;
  }
  link.bridge.hosts = {at->host()};
  spec.port = at->port();
  return true;
}

bool parse_parameter(std::string_view word, TransportSpec& spec, std::string& why) {
  const auto equals = word.find('=');
  const std::string key(word.substr(0, equals));
  if (equals == word.npos || key.empty() || !printable(word)) {
    why = "something after the address is neither a fingerprint of 40 hex digits nor of the form name=value";
    return false;
  }
  const std::string value(word.substr(equals + 1));
  if (!spec.params.emplace(key, value).second) {
    why = "a parameter is given twice";
    if (std::ranges::find(kFirst, key) != kFirst.end()) why = "'" + key + "' is given twice";
    return false;
  }
  return true;
}

bool sound(const TransportSpec& spec, std::string& why) {
  const auto value = [&spec](std::string_view key) {
    const auto found = spec.params.find(std::string(key));
    return found == spec.params.end() ? std::string_view() : std::string_view(found->second);
  };
  if (!spec.params.contains("cert"))
    why = "'cert=' is missing";
  else if (!obfs4::parse_cert(value("cert")))
    why = "'cert=' is not the 70 characters of a bridge's identity: it is damaged or cut short";
  else if (spec.params.contains("iat-mode") && !obfs4::iat_mode_named(value("iat-mode")))
    why = "'iat-mode=' must be 0, 1 or 2";
  else if (spec.params.contains(std::string(kBehind)) && value(kBehind) != "socks5")
    why = "'behind=' must be socks5";
  return why.empty();
}

bool parse(std::string_view text, ShareLink& link, std::string& why) {
  if (text.size() > kLongest) {
    why = "it is longer than " + std::to_string(kLongest) + " characters";
    return false;
  }
  auto word = next_word(text);
  if (is_word_bridge(word)) word = next_word(text);
  if (word != kTransport) {
    why = "no transport is named: a line begins with obfs4, then the address";
    if (nameable(word)) why = "the transport '" + std::string(word) + "' is none that it can be: obfs4 is";
    return false;
  }
  TransportSpec spec;
  spec.name = kTransport;
  if (!parse_address(next_word(text), link, spec, why)) return false;
  word = next_word(text);
  if (!word.empty() && word.find('=') == word.npos) {
    if (word.size() != 40 || !hex(word)) {
      why = "the fingerprint after the address must have 40 hex digits; it may be left out";
      return false;
    }
    link.unknown.emplace_back(kFingerprint, word);
    word = next_word(text);
  }
  for (; !word.empty(); word = next_word(text))
    if (!parse_parameter(word, spec, why)) return false;
  if (!sound(spec, why)) return false;
  link.transports.push_back(std::move(spec));
  link.foreign = true;
  return true;
}

}  // namespace

bool is_bridge_line(std::string_view text) {
  const auto word = next_word(text);
  return is_word_bridge(word) || word == kTransport;
}

Result<ShareLink> parse_bridge_line(std::string_view text, std::string& why) {
  ShareLink link;
  std::string what;
  if (parse(text, link, what)) {
    // An address may be longer in its canonical form.
    if (format_bridge_line(link).size() <= kLongest) return link;
    what = "it is longer than " + std::to_string(kLongest) + " characters";
  }
  why = "not a usable bridge line: " + what;
  return make_error_code(Errc::bad_input);
}

std::string format_bridge_line(const ShareLink& link) {
  const auto& spec = link.transports.front();
  std::string text = spec.name + ' ' + Endpoint(link.bridge.hosts.front(), spec.port).to_string();
  for (const auto& [key, value] : link.unknown)
    if (key == kFingerprint) text += ' ' + value;
  const auto add = [&text](const auto& parameter) { text += ' ' + parameter.first + '=' + parameter.second; };
  for (const auto key : kFirst)
    if (const auto found = spec.params.find(std::string(key)); found != spec.params.end()) add(*found);
  for (const auto& parameter : spec.params)
    if (std::ranges::find(kFirst, parameter.first) == kFirst.end()) add(parameter);
  return text;
}

bool usable_bridge_line(const ShareLink& link, std::string& why) {
  if (link.transports.front().params.contains(std::string(kBehind))) return true;
  why =
      "a Tor bridge speaks nothing but Tor behind obfs4: give the line to Tor Browser, or to a tor with "
      "'ClientTransportPlugin obfs4 exec surang pt'. Where a SOCKS proxy stands behind it instead, say so: "
      "surang add --behind socks5, or behind=socks5 at the line's end";
  return false;
}

}  // namespace surang::config
