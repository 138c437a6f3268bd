#include "tests/censor/middlebox/recognise.hpp"

#include <algorithm>
#include <bit>
#include <string_view>

namespace surang::censor {
namespace {

constexpr std::size_t kMostHello = 16 * 1024;

/// Reads big-endian numbers; `short_of_bytes` once it ran past the end.
class Reader {
 public:
  explicit Reader(View bytes) : bytes_(bytes) {}
  std::size_t number(int size) {
    std::size_t value = 0;
    for (int i = 0; i < size; ++i) value = value << 8 | (at_ < bytes_.size() ? bytes_[at_] : 0), ++at_;
    return value;
  }
  void skip(std::size_t count) { at_ += count; }
  bool short_of_bytes() const { return at_ > bytes_.size(); }
  std::size_t at() const { return at_; }
  View take(std::size_t count) {
    if (at_ + count > bytes_.size()) return at_ = bytes_.size() + 1, View{};
    at_ += count;
    return bytes_.subspan(at_ - count, count);
  }

 private:
  View bytes_;
  std::size_t at_ = 0;
};

std::string lower(View text) {
  std::string result(text.begin(), text.end());
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return result;
}

Seen name_in_hello(View handshake, bool more_may_come, std::string& name) {
  const auto missing = more_may_come ? Seen::need_more : Seen::nothing;
  Reader in(handshake);
  if (in.number(1) != 1 && !in.short_of_bytes()) return Seen::nothing;
  in.skip(3 + 2 + 32);
  in.skip(in.number(1));
  in.skip(in.number(2));
  in.skip(in.number(1));
  const auto extensions = in.number(2);
  if (in.short_of_bytes()) return missing;
  const auto end = in.at() + extensions;
  while (in.at() + 4 <= end) {
    const auto type = in.number(2), size = in.number(2);
    if (in.short_of_bytes()) return missing;
    if (type != 0) {
      in.skip(size);
      continue;
    }
    in.skip(3);
    const auto length = in.number(2);
    const auto text = in.take(length);
    if (in.short_of_bytes()) return missing;
    name = lower(text);
    return Seen::name;
  }
  return Seen::nothing;
}

}  // namespace

Seen read_server_name(View flow, bool across_records, std::string& name) {
  Bytes handshake;
  Reader in(flow);
  do {
    const auto type = in.number(1);
    if (in.short_of_bytes()) break;
    if (type != 0x16) return handshake.empty() ? Seen::nothing : name_in_hello(handshake, false, name);
    if (const auto major = in.number(1); !in.short_of_bytes() && major != 3) return Seen::nothing;
    in.skip(1);
    const auto length = in.number(2);
    if (in.short_of_bytes()) return Seen::need_more;
    const auto there = flow.subspan(in.at(), std::min(length, flow.size() - in.at()));
    handshake.insert(handshake.end(), there.begin(), there.end());
    in.skip(length);
    if (!across_records) {
      return name_in_hello(handshake, in.short_of_bytes() && flow.size() < kMostHello, name);
    }
  } while (!in.short_of_bytes());
  return name_in_hello(handshake, flow.size() < kMostHello, name);
}

bool spans_records(View flow) {
  Reader in(flow);
  const bool handshake = in.number(1) == 0x16 && in.number(1) == 3;
  in.skip(1);
  const auto record = in.number(2);
  const bool hello = in.number(1) == 1;
  const auto message = in.number(3) + 4;
  return handshake && hello && !in.short_of_bytes() && message > record;
}

Seen read_http_host(View flow, std::string& host) {
  const std::string_view text(reinterpret_cast<const char*>(flow.data()), flow.size());
  const auto method_end = text.find(' ');
  const auto method = text.substr(0, method_end);
  if (method.size() > 8 || !std::ranges::all_of(method, [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return Seen::nothing;
  }
  const auto head_end = text.find("\r\n\r\n");
  const auto all = lower(flow);
  const auto field = all.find("\r\nhost:");
  const auto line_end = field == std::string::npos ? field : all.find("\r\n", field + 2);
  if (line_end == std::string::npos || field > head_end) {
    return head_end == std::string_view::npos && flow.size() < kMostHello ? Seen::need_more : Seen::nothing;
  }
  host = all.substr(field + 7, line_end - field - 7);
  host.erase(0, host.find_first_not_of(' '));
  host.erase(std::min(host.find_first_of(": \t"), host.size()));
  return Seen::name;
}

bool looks_random(View payload) {
  if (payload.empty()) return false;
  const auto printable = [](std::uint8_t c) { return c >= 0x20 && c <= 0x7e; };
  std::size_t bits = 0, printed = 0, run = 0, longest = 0;
  for (const auto c : payload) {
    bits += static_cast<std::size_t>(std::popcount(c));
    printed += printable(c);
    run = printable(c) ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const double per_byte = static_cast<double>(bits) / static_cast<double>(payload.size());
  if (per_byte <= 3.4 || per_byte >= 4.6) return false;
  if (payload.size() >= 6 && std::ranges::all_of(payload.first(6), printable)) return false;
  if (printed * 2 > payload.size() || longest > 20) return false;
  const bool tls =
      payload.size() >= 3 && (payload[0] == 0x16 || payload[0] == 0x17) && payload[1] == 3 && payload[2] <= 9;
  return !tls;
}

}  // namespace surang::censor
