// One HTTP/1.x message (RFC 9112), read incrementally and without I/O, by Boost.Beast's parser. Stricter than
// that parser where two readers could see two different messages.
#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transports/core/result.hpp"

namespace surang::client {

inline constexpr std::uint32_t kMaxHttpHead = 64 * 1024;

struct HttpHead {
  std::string method, target;  // of a request
  unsigned status = 0;         // of a response
  std::string reason;          // of a response
  int version = 11;            // 10 or 11
  std::vector<std::pair<std::string, std::string>> fields;
  bool chunked = false;
  std::optional<std::uint64_t> content_length;
  bool keep_alive = false;
  bool until_close = false;  ///< a response whose body ends with the connection

  /// The value of the first field of that name, in any case; empty without one.
  std::string_view field(std::string_view name) const;
  std::size_t count(std::string_view name) const;
  /// Whether a comma-separated field names `token`, in any case.
  bool lists(std::string_view name, std::string_view token) const;
};

template <bool is_request>
class HttpReader : private boost::beast::http::basic_parser<is_request> {
 public:
  HttpReader();

  /// The response to a HEAD request has no body, whatever its head says.
  void expect_no_body() { this->skip(true); }

  /// Takes the head off the front of `input`; head_done() tells when it is whole. Errc::protocol or
  /// Errc::limit when it never will be.
  Result<void> read_head(std::string& input);

  /// Takes what belongs to the body off the front of `input`, and appends its content, free of framing, to
  /// `content`. done() tells when it was the last. Trailers are dropped (RFC 9110 6.5.1).
  Result<void> read_body(std::string& input, std::string& content);

  /// The connection ended. Errc::truncated when the message had not.
  Result<void> end_of_input();

  bool started() const { return this->got_some(); }
  bool head_done() const { return this->is_header_done(); }
  bool done() const { return this->is_done(); }
  const HttpHead& head() const noexcept { return head_; }

 private:
  using Parser = boost::beast::http::basic_parser<is_request>;
  using View = boost::beast::string_view;
  using Code = boost::beast::error_code;

  bool hopeless(std::string_view input) const;
  Result<std::size_t> put(std::string_view input);
  Result<void> check_head();

  void on_request_impl(boost::beast::http::verb, View method, View target, int version, Code&) override;
  void on_response_impl(int status, View reason, int version, Code&) override;
  void on_field_impl(boost::beast::http::field, View name, View value, Code&) override;
  void on_header_impl(Code&) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(View body, Code&) override;
  void on_chunk_header_impl(std::uint64_t size, View extension, Code&) override;
  std::size_t on_chunk_body_impl(std::uint64_t, View body, Code&) override;
  void on_finish_impl(Code&) override {}

  HttpHead head_;
  std::size_t head_size_ = 0;  // taken so far
  std::string* content_ = nullptr;
  std::uint64_t chunk_left_ = 0;
};

using HttpRequestReader = HttpReader<true>;
using HttpResponseReader = HttpReader<false>;

bool same_text(std::string_view a, std::string_view b);  ///< ASCII, in any case

}  // namespace surang::client
