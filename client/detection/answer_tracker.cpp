#include "client/detection/answer_tracker.hpp"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "client/detection/answer_head.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kMostHead = 16 * 1024, kMostLine = 256;
constexpr std::uint64_t kMostBody = std::uint64_t{1} << 60;

std::string_view text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Nothing but a number that makes sense.
bool read_number(std::string_view text, int base, std::uint64_t& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
  return error == std::errc() && end == text.data() + text.size() && into <= kMostBody;
}

}  // namespace

void AnswerTracker::lose() {
  at_ = At::lost;
  std::string().swap(text_);
}

bool AnswerTracker::owed() const noexcept {
  return at_ != At::between && at_ != At::request && at_ != At::lost && !(at_ == At::head && text_.empty());
}

void AnswerTracker::asked(std::span<const std::uint8_t> bytes) {
  if (bytes.empty() || at_ == At::lost) return;
  if (at_ != At::between) return lose();
  head_only_ = text_of(bytes).starts_with("HEAD ");
  at_ = At::request;
}

void AnswerTracker::feed(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    switch (at_) {
      case At::between:
        return lose();
      case At::request:
        at_ = At::head;
        [[fallthrough]];
      case At::head:
        feed_head(bytes);
        break;
      case At::counted:
      case At::chunk:
        feed_body(bytes);
        break;
      case At::chunk_size:
      case At::trailer:
        feed_line(bytes);
        break;
      case At::until_close:
      case At::lost:
        return;
    }
  }
}

void AnswerTracker::feed_head(std::span<const std::uint8_t>& bytes) {
  while (!bytes.empty()) {
    text_.push_back(static_cast<char>(bytes.front()));
    bytes = bytes.subspan(1);
    if (text_.ends_with("\r\n\r\n") || text_.ends_with("\n\n")) return begin_body();
    const std::size_t n = std::min<std::size_t>(text_.size(), 5);
    if (text_.size() > kMostHead ||
        std::string_view(text_).substr(0, n) != std::string_view("HTTP/").substr(0, n))
      return lose();
  }
}

void AnswerTracker::begin_body() {
  const auto head = std::move(text_);
  text_.clear();
  const auto space = head.find(' ');
  const std::string_view status =
      space == head.npos ? std::string_view() : std::string_view(head).substr(space + 1, 3);
  std::uint64_t code = 0;
  if (status.size() != 3 || !read_number(status, 10, code) || code < 100 || code == 101) return lose();
  if (code < 200) {  // the final one follows (RFC 9110 15.2)
    at_ = At::head;
    return;
  }
  at_ = At::between;
  if (head_only_ || code == 204 || code == 304) return;
  const auto coding = header_of(head, "Transfer-Encoding");
  const auto length = header_of(head, "Content-Length");
  if (!coding.empty()) {
    at_ = equal_nocase(coding, "chunked") ? At::chunk_size : At::until_close;
  } else if (length.empty()) {
    at_ = At::until_close;
  } else {
    if (!read_number(length, 10, left_)) return lose();
    if (left_ > 0) at_ = At::counted;
  }
}

void AnswerTracker::feed_body(std::span<const std::uint8_t>& bytes) {
  const auto n = std::min<std::uint64_t>(left_, bytes.size());
  bytes = bytes.subspan(static_cast<std::size_t>(n));
  left_ -= n;
  if (left_ == 0) at_ = at_ == At::counted ? At::between : At::chunk_size;
}

void AnswerTracker::feed_line(std::span<const std::uint8_t>& bytes) {
  while (!bytes.empty()) {
    const char c = static_cast<char>(bytes.front());
    bytes = bytes.subspan(1);
    if (c == '\n') return end_line();
    if (text_.size() == kMostLine) return lose();
    text_.push_back(c);
  }
}

void AnswerTracker::end_line() {
  auto line = std::move(text_);
  text_.clear();
  if (line.ends_with('\r')) line.pop_back();
  if (at_ == At::trailer) {
    if (line.empty()) at_ = At::between;
    return;
  }
  std::string_view size = line;
  size = size.substr(0, size.find_first_of("; \t"));
  if (!read_number(size, 16, left_)) return lose();
  at_ = left_ == 0 ? At::trailer : At::chunk;
  left_ += 2;  // the line's end behind the chunk; not looked into
  if (at_ == At::trailer) left_ = 0;
}

}  // namespace surang::client
