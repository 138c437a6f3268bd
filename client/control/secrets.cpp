#include "client/control/secrets.hpp"

#include <algorithm>

namespace surang::client {
namespace {

constexpr std::string_view kLink = "surang://", kCert = "cert=";
constexpr std::size_t kLeastCert = 16;  // what is shorter is a word about it

bool same(char a, char b) {
  return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b;
}

std::size_t find(std::string_view text, std::string_view what) {
  const auto found = std::search(text.begin(), text.end(), what.begin(), what.end(), same);
  return static_cast<std::size_t>(found - text.begin());
}

std::string_view up_to(std::string_view text, std::string_view ends) {
  return text.substr(0, text.find_first_of(ends));
}

}  // namespace

std::string without_links(std::string_view text) {
  std::string out;
  for (;;) {
    const auto link = find(text, kLink), cert = find(text, kCert);
    const auto first = std::min(link, cert);
    out.append(text.substr(0, first));
    if (first == text.size()) return out;
    const auto mark = link < cert ? kLink : kCert;
    out.append(mark);
    text.remove_prefix(first + mark.size());
    const auto secret = up_to(text, mark == kLink ? " \t\r\n\"'" : " \t\r\n\"',;");
    if (mark == kCert && secret.size() < kLeastCert) continue;
    out.append("...");
    text.remove_prefix(secret.size());
  }
}

}  // namespace surang::client
