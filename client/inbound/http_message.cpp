#include "client/inbound/http_message.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/rfc7230.hpp>

namespace surang::client {

namespace http = boost::beast::http;

bool same_text(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

std::string_view HttpHead::field(std::string_view name) const {
  for (const auto& [n, value] : fields)
    if (same_text(n, name)) return value;
  return {};
}

std::size_t HttpHead::count(std::string_view name) const {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [&](const auto& f) { return same_text(f.first, name); }));
}

bool HttpHead::lists(std::string_view name, std::string_view token) const {
  for (const auto& [n, value] : fields) {
    if (!same_text(n, name)) continue;
    for (const auto& item : http::token_list(value))
      if (same_text(item, token)) return true;
  }
  return false;
}

template <bool is_request>
HttpReader<is_request>::HttpReader() {
  this->header_limit(kMaxHttpHead);
  this->body_limit(boost::none);
  this->eager(false);
}

template <bool is_request>
Result<std::size_t> HttpReader<is_request>::put(std::string_view input) {
  Code ec;
  const bool in_head = !this->is_header_done();
  const auto used = Parser::put(boost::asio::buffer(input), ec);
  if (in_head) head_size_ += used;
  if (ec == http::error::need_more) {
    // What the parser leaves is an unfinished line or field, which must not grow for ever.
    const auto unfinished = input.size() - used + (in_head ? head_size_ : 0);
    if (unfinished > kMaxHttpHead) return make_error_code(Errc::limit);
    return used;
  }
  if (ec == http::error::header_limit) return make_error_code(Errc::limit);
  if (ec) return make_error_code(Errc::protocol);
  // The parser's own limit is on what it is shown at once, not on the whole.
  if (in_head && head_size_ > kMaxHttpHead) return make_error_code(Errc::limit);
  return used;
}

// The parser looks no further before it has seen an empty line; these are wrong whatever follows.
template <bool is_request>
bool HttpReader<is_request>::hopeless(std::string_view input) const {
  constexpr std::string_view start = "HTTP/";
  if (!is_request && head_.status == 0 && !start.starts_with(input.substr(0, start.size()))) return true;
  for (auto at = input.find('\n'); at != input.npos; at = input.find('\n', at + 1)) {
    if (at == 0 || input[at - 1] != '\r') return true;
    if (at == 1 || (at >= 3 && input[at - 2] == '\n')) return false;  // the head ends here
  }
  return false;
}

template <bool is_request>
Result<void> HttpReader<is_request>::read_head(std::string& input) {
  // Empty lines ahead of a request are to be ignored (RFC 9112 2.2).
  if (is_request && !this->got_some()) {
    std::size_t blank = 0;
    while (std::string_view(input).substr(blank).starts_with("\r\n")) blank += 2;
    input.erase(0, blank);
    if (input == "\r") return {};
  }
  if (!this->is_header_done() && hopeless(input)) return make_error_code(Errc::protocol);
  while (!this->is_header_done()) {
    if (input.empty()) return {};
    const auto used = put(input);
    if (!used) return used.error();
    input.erase(0, *used);
    if (*used == 0 && !this->is_header_done()) return {};
  }
  return check_head();
}

template <bool is_request>
Result<void> HttpReader<is_request>::read_body(std::string& input, std::string& content) {
  content_ = &content;
  std::string_view rest = input;
  Result<void> outcome;
  // Between chunks the parser wants the five bytes that are always still to come ("0\r\n\r\n") at once.
  const auto enough = [&] { return rest.size() >= (head_.chunked && chunk_left_ == 0 ? 5U : 1U); };
  while (!this->is_done() && enough()) {
    const auto used = put(rest);
    if (!used) outcome = used.error();
    if (!used || *used == 0) break;
    rest.remove_prefix(*used);
  }
  content_ = nullptr;
  input.erase(0, input.size() - rest.size());
  return outcome;
}

template <bool is_request>
Result<void> HttpReader<is_request>::end_of_input() {
  if (this->is_done()) return {};
  if (!this->got_some()) return make_error_code(Errc::truncated);
  Code ec;
  this->put_eof(ec);
  if (ec) return make_error_code(Errc::truncated);
  return {};
}

template <bool is_request>
Result<void> HttpReader<is_request>::check_head() {
  const auto refuse = [] { return make_error_code(Errc::protocol); };
  // RFC 9112 6.1 and 6.3: whatever could be read two ways is an attack until proven otherwise.
  if (head_.count("content-length") > 1 || head_.count("transfer-encoding") > 1) return refuse();
  const auto length = head_.field("content-length");
  if (head_.count("content-length") == 1 &&
      (length.empty() ||
       !std::all_of(length.begin(), length.end(), [](char c) { return c >= '0' && c <= '9'; })))
    return refuse();
  if (head_.count("transfer-encoding") == 1) {
    if (!same_text(head_.field("transfer-encoding"), "chunked") || head_.version == 10) return refuse();
    if (head_.count("content-length") > 0) return refuse();
  }
  if (is_request && head_.count("host") > 1) return refuse();
  return {};
}

template <bool is_request>
void HttpReader<is_request>::on_request_impl(http::verb, View method, View target, int version, Code&) {
  head_.method = method;
  head_.target = target;
  head_.version = version;
}

template <bool is_request>
void HttpReader<is_request>::on_response_impl(int status, View reason, int version, Code& ec) {
  if (status < 100) ec = http::error::bad_status;
  head_.status = static_cast<unsigned>(status);
  head_.reason = reason;
  head_.version = version;
}

template <bool is_request>
void HttpReader<is_request>::on_field_impl(http::field, View name, View value, Code&) {
  if (!this->is_header_done()) head_.fields.emplace_back(std::string(name), std::string(value));
}

template <bool is_request>
void HttpReader<is_request>::on_header_impl(Code&) {
  head_.chunked = this->chunked();
  if (const auto length = this->content_length()) head_.content_length = *length;
  head_.keep_alive = this->keep_alive();
  head_.until_close = this->need_eof();
}

template <bool is_request>
std::size_t HttpReader<is_request>::on_body_impl(View body, Code&) {
  if (content_) content_->append(body);
  return body.size();
}

template <bool is_request>
void HttpReader<is_request>::on_chunk_header_impl(std::uint64_t size, View, Code&) {
  chunk_left_ = size;
}

template <bool is_request>
std::size_t HttpReader<is_request>::on_chunk_body_impl(std::uint64_t, View body, Code&) {
  chunk_left_ -= body.size();
  if (content_) content_->append(body);
  return body.size();
}

template class HttpReader<true>;
template class HttpReader<false>;

}  // namespace surang::client
