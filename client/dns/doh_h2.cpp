#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>

#include "client/dns/doh_exchange.hpp"

namespace surang::client {
namespace {

constexpr std::size_t kMostBody = 64 * 1024;

struct Post {
  DnsBytes query, answer;
  std::size_t sent = 0;
  bool ok_status = false, closed = false;
};

struct Exchange {
  std::vector<Post> posts;
  std::map<std::int32_t, Post*> by_stream;
  bool failed = false;

  bool done() const {
    return failed || std::all_of(posts.begin(), posts.end(), [](const Post& p) { return p.closed; });
  }
  Post* find(std::int32_t stream) {
    const auto it = by_stream.find(stream);
    return it == by_stream.end() ? nullptr : it->second;
  }
};

Exchange& self(void* user) {
  return *static_cast<Exchange*>(user);
}

int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
  const std::string_view n(reinterpret_cast<const char*>(name), name_size);
  const std::string_view v(reinterpret_cast<const char*>(value), value_size);
  if (auto* post = self(user).find(frame->hd.stream_id); post && n == ":status") post->ok_status = v == "200";
  return 0;
}

int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data, std::size_t size,
            void* user) {
  auto* post = self(user).find(stream);
  if (!post) return 0;
  if (post->answer.size() + size > kMostBody) return NGHTTP2_ERR_CALLBACK_FAILURE;
  post->answer.insert(post->answer.end(), data, data + size);
  return 0;
}

int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) {
  auto& exchange = self(user);
  if (auto* post = exchange.find(stream)) {
    post->closed = true;
    if (error != NGHTTP2_NO_ERROR || !post->ok_status) exchange.failed = true;
  }
  return 0;
}

ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room, std::uint32_t* flags,
                  nghttp2_data_source* source, void*) {
  auto& post = *static_cast<Post*>(source->ptr);
  const auto n = std::min(room, post.query.size() - post.sent);
  std::copy_n(post.query.begin() + static_cast<std::ptrdiff_t>(post.sent), n, into);
  post.sent += n;
  if (post.sent == post.query.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(n);
}

nghttp2_nv header(std::string_view name, std::string_view value) {
  // nghttp2 copies both; it only wants them as unsigned bytes.
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

using Session = std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)>;

Session make_session(Exchange& exchange) {
  nghttp2_session_callbacks* raw = nullptr;
  nghttp2_session_callbacks_new(&raw);
  const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> callbacks(
      raw, nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_header_callback(raw, on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(raw, on_close);
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new(&session, raw, &exchange);
  return Session(session, nghttp2_session_del);
}

bool submit(nghttp2_session* session, Exchange& exchange, const std::string& host, const std::string& path) {
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 128 * 1024}};
  if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, 2) != 0) return false;
  for (auto& post : exchange.posts) {
    const auto length = std::to_string(post.query.size());
    const nghttp2_nv headers[] = {header(":method", "POST"),
                                  header(":scheme", "https"),
                                  header(":authority", host),
                                  header(":path", path),
                                  header("accept", "application/dns-message"),
                                  header("content-type", "application/dns-message"),
                                  header("content-length", length)};
    nghttp2_data_provider body{};
    body.source.ptr = &post;
    body.read_callback = read_body;
    const auto stream = nghttp2_submit_request(session, nullptr, headers, std::size(headers), &body, nullptr);
    if (stream < 0) return false;
    exchange.by_stream[stream] = &post;
  }
  return true;
}

}  // namespace

asio::awaitable<Result<std::vector<DnsBytes>>> doh_over_h2(Stream& stream, std::string host, std::string path,
                                                           std::vector<DnsBytes> queries) {
  Exchange exchange;
  for (auto& query : queries) {
    Post post;
    post.query = std::move(query);
    exchange.posts.push_back(std::move(post));
  }
  const auto session = make_session(exchange);
  if (!submit(session.get(), exchange, host, path)) co_return make_error_code(Errc::protocol);
  std::array<std::uint8_t, 4096> block;
  while (!exchange.done()) {
    std::vector<std::uint8_t> out;
    for (;;) {
      const std::uint8_t* bytes = nullptr;
      const auto n = nghttp2_session_mem_send(session.get(), &bytes);
      if (n < 0) co_return make_error_code(Errc::protocol);
      if (n == 0) break;
      out.insert(out.end(), bytes, bytes + n);
    }
    if (!out.empty()) {
      const auto written = co_await stream.write_all(asio::buffer(out));
      if (!written) co_return written.error();
    }
    const auto n = co_await stream.read_some(asio::buffer(block));
    if (!n) co_return n.error();
    if (*n == 0) co_return make_error_code(Errc::truncated);
    const auto used = nghttp2_session_mem_recv(session.get(), block.data(), *n);
    if (used < 0) co_return make_error_code(Errc::protocol);
  }
  if (exchange.failed) co_return make_error_code(Errc::protocol);
  std::vector<DnsBytes> answers;
  for (auto& post : exchange.posts) answers.push_back(std::move(post.answer));
  co_return answers;
}

}  // namespace surang::client
