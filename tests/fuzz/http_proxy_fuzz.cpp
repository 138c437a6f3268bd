// HTTP heads and bodies as the proxy sees them. What is passed on must be read the same way again, and the
// outcome must not depend on how the bytes are cut.
#include <cstdint>
#include <cstdlib>

#include "client/inbound/http_proxy_codec.hpp"

using namespace surang::client;

namespace {

struct Outcome {
  bool failed = false, head = false, done = false;
  HttpHead what;
  std::string body;
  std::size_t left = 0;
};

template <class Reader>
Outcome run(std::string_view text, std::size_t step) {
  Reader reader;
  Outcome out;
  std::string input;
  for (;;) {
    const auto n = std::min(step, text.size());
    input += text.substr(0, n);
    text.remove_prefix(n);
    if (!reader.head_done()) out.failed = !reader.read_head(input);
    if (!out.failed && reader.head_done() && !reader.done()) out.failed = !reader.read_body(input, out.body);
    if (out.failed || n == 0 || (reader.head_done() && reader.done())) break;
  }
  out.head = reader.head_done();
  out.done = !out.failed && out.head && reader.done();
  out.what = reader.head();
  out.left = input.size() + text.size();
  return out;
}

void require(bool ok) {
  if (!ok) std::abort();
}

template <class Reader>
Outcome read(std::string_view text) {
  const auto whole = run<Reader>(text, SIZE_MAX);
  const auto cut = run<Reader>(text, 1);
  // A wrong head may show as wrong only when it ends, but never as a message.
  if (whole.failed) require(!cut.done);
  if (whole.failed) return whole;
  require(!cut.failed && cut.done == whole.done && cut.body == whole.body);
  // Of an unfinished head the parser may keep more or less for later.
  if (whole.done) require(cut.left == whole.left && cut.what.fields == whole.what.fields);
  return whole;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Credentials credentials = std::pair<std::string, std::string>("u", "p");
  if (data[0] & 1) {
    const auto out = read<HttpRequestReader>(text);
    if (out.failed || !out.head) return 0;
    (void)authorized(out.what, credentials);
    std::string_view why;
    const auto request = proxy_request(out.what, why);
    if (!request || request->connect) return 0;
    const auto again = run<HttpRequestReader>(forwarded_head(out.what, *request), SIZE_MAX);
    require(again.head && !again.failed);
    require(again.what.content_length == out.what.content_length && again.what.chunked == out.what.chunked);
    require(again.what.count("host") == 1);
    require(again.what.count("proxy-authorization") == 0);
  } else {
    const auto out = read<HttpResponseReader>(text);
    if (out.failed || !out.head || out.what.status / 100 == 1) return 0;
    const auto framing = response_framing(out.what, false, 11);
    const auto again = run<HttpResponseReader>(returned_head(out.what, framing, true), SIZE_MAX);
    require(again.head && !again.failed);
    require(again.what.status == out.what.status && !again.what.until_close);
  }
  return 0;
}
