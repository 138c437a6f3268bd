#include "client/detection/short_page.hpp"

#include <openssl/evp.h>

#include <array>
#include <charconv>

#include "client/detection/answer_head.hpp"

namespace surang::client {
namespace {

std::string without(std::string_view body, std::string_view host) {
  std::string rest;
  rest.reserve(body.size());
  for (std::size_t at = 0; at < body.size();) {
    if (!host.empty() && starts_nocase(body.substr(at), host)) {
      at += host.size();
    } else {
      rest += body[at++];
    }
  }
  return rest;
}

std::string digest_of(int status, const std::string& body) {
  const auto said = std::to_string(status) + '\n' + body;
  std::array<unsigned char, 32> hash{};
  unsigned size = 0;
  if (EVP_Digest(said.data(), said.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1) return {};
  std::string hex;
  for (const auto byte : hash) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

std::string title_of(std::string_view body) {
  constexpr std::size_t kLongest = 200;
  for (auto at = body.find('<'); at != body.npos; at = body.find('<', at + 1)) {
    if (!starts_nocase(body.substr(at), "<title")) continue;
    const auto begin = body.find('>', at);
    if (begin == body.npos) return {};
    const auto text = body.substr(begin + 1);
    return std::string(text.substr(0, std::min(text.find('<'), kLongest)));
  }
  return {};
}

// The payload of a chunked body (RFC 9112, 7.1) when all of it is there.
std::optional<std::string> dechunked(std::string_view body) {
  std::string whole;
  for (;;) {
    const auto line_end = body.find("\r\n");
    if (line_end == body.npos) return std::nullopt;
    std::size_t size = 0;
    const auto digits = body.substr(0, line_end);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (read.ec != std::errc{} || size > kShortPage) return std::nullopt;
    body.remove_prefix(line_end + 2);
    if (size == 0) return body.find("\r\n") == body.npos ? std::nullopt : std::optional(std::move(whole));
    if (body.size() < size + 2) return std::nullopt;
    whole += body.substr(0, size);
    body.remove_prefix(size + 2);
  }
}

bool page_like(int status, std::string_view head) {
  const bool counts = (status >= 200 && status < 300) || status == 403 || status == 451;
  return counts && starts_nocase(header_of(head, "content-type"), "text/html");
}

}  // namespace

bool alike(const ShortPage& a, const ShortPage& b) {
  return a.status == b.status && (a.digest == b.digest || (!a.title.empty() && a.title == b.title));
}

PageFound find_short_page(int status, std::string_view head, std::string_view body, bool ended,
                          std::string_view host) {
  PageFound found;
  if (body.empty() || !page_like(status, head)) return found;
  const auto take = [&](std::string_view whole) {
    if (whole.empty() || whole.size() > kShortPage) return;
    auto digest = digest_of(status, without(whole, host));
    if (!digest.empty()) found.page = ShortPage{status, std::move(digest), title_of(whole)};
  };
  if (equal_nocase(header_of(head, "transfer-encoding"), "chunked")) {
    if (const auto whole = dechunked(body)) take(*whole);
  } else if (const auto declared = header_of(head, "content-length"); !declared.empty()) {
    std::size_t length = 0;
    const auto read = std::from_chars(declared.data(), declared.data() + declared.size(), length);
    if (read.ec == std::errc{} && body.size() >= length) take(body.substr(0, length));
  } else if (ended) {
    take(body);
  } else {
    found.open_ended = body.size() <= kShortPage;
  }
  return found;
}

}  // namespace surang::client
