#include "client/dns/doh_h2.hpp"

#include <algorithm>
#include <array>

namespace surang::client {
namespace {

constexpr std::size_t kMostBody = 64 * 1024;

nghttp2_nv header(std::string_view name, std::string_view value) {
  // nghttp2 copies both; it only wants them as unsigned bytes.
  return {reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NONE};
}

}  // namespace

// Ends the connection whatever way one of its tasks ends.
struct DohH2::Closing {
  DohH2& connection;
  ~Closing() { connection.close(); }
};

struct DohH2::Callbacks {
  static Post* find(void* user, std::int32_t stream) {
    auto& posts = static_cast<DohH2*>(user)->posts_;
    const auto it = posts.find(stream);
    return it == posts.end() ? nullptr : it->second.get();
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                       void* user) {
    const std::string_view n(reinterpret_cast<const char*>(name), name_size);
    const std::string_view v(reinterpret_cast<const char*>(value), value_size);
    if (auto* post = find(user, frame->hd.stream_id); post && n == ":status") post->ok_status = v == "200";
    return 0;
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                     std::size_t size, void* user) {
    auto* post = find(user, stream);
    if (!post) return 0;
    if (post->answer.size() + size > kMostBody) return NGHTTP2_ERR_CALLBACK_FAILURE;
    post->answer.insert(post->answer.end(), data, data + size);
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) {
    if (auto* post = find(user, stream)) {
      post->ended = true;
      post->failed = error != NGHTTP2_NO_ERROR || !post->ok_status;
      static_cast<DohH2*>(user)->posts_.erase(stream);
    }
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t, std::uint8_t* into, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& post = *static_cast<Post*>(source->ptr);
    const auto n = std::min(room, post.query.size() - post.sent);
    std::copy_n(post.query.begin() + static_cast<std::ptrdiff_t>(post.sent), n, into);
    post.sent += n;
    if (post.sent == post.query.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }
};

DohH2::DohH2(asio::any_io_executor executor, StreamPtr stream, std::string host, std::string path,
             std::chrono::steady_clock::duration idle)
    : executor_(executor),
      stream_(std::move(stream)),
      host_(std::move(host)),
      path_(std::move(path)),
      idle_time_(idle),
      session_(nullptr, nghttp2_session_del),
      idle_(executor) {
  nghttp2_session_callbacks* raw = nullptr;
  nghttp2_session_callbacks_new(&raw);
  const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> callbacks(
      raw, nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_header_callback(raw, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(raw, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(raw, Callbacks::on_close);
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new(&session, raw, this);
  session_.reset(session);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 128 * 1024}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
}

DohH2::~DohH2() = default;

void DohH2::start(TaskGroup& tasks) {
  tasks.spawn(reading(shared_from_this()));
  tasks.spawn(writing(shared_from_this()));
}

void DohH2::close() noexcept {
  if (std::exchange(closed_, true)) return;
  idle_.cancel();
  stream_->close();
  answered_.notify();
  to_send_.notify();
}

bool DohH2::submit(const PostPtr& post) {
  const auto length = std::to_string(post->query.size());
  const nghttp2_nv headers[] = {header(":method", "POST"),
                                header(":scheme", "https"),
                                header(":authority", host_),
                                header(":path", path_),
                                header("accept", "application/dns-message"),
                                header("content-type", "application/dns-message"),
                                header("content-length", length)};
  nghttp2_data_provider body{};
  body.source.ptr = post.get();
  body.read_callback = Callbacks::read_body;
  const auto stream =
      nghttp2_submit_request(session_.get(), nullptr, headers, std::size(headers), &body, nullptr);
  if (stream < 0) return false;
  posts_[stream] = post;
  return true;
}

asio::awaitable<Result<std::vector<DnsBytes>>> DohH2::ask(std::vector<DnsBytes> queries) {
  const auto self = shared_from_this();
  std::vector<PostPtr> asked;
  for (auto& query : queries) {
    asked.push_back(std::make_shared<Post>());
    asked.back()->query = std::move(query);
    if (closed_ || !submit(asked.back())) co_return make_error_code(Errc::closed);
  }
  idle_.set(idle_time_, [this] { close(); });
  to_send_.notify();
  const auto done = [&asked] {
    return std::all_of(asked.begin(), asked.end(), [](const auto& p) { return p->ended; });
  };
  while (!closed_ && !done()) co_await answered_.wait(executor_);
  if (!done()) co_return make_error_code(Errc::closed);
  std::vector<DnsBytes> answers;
  for (const auto& post : asked) {
    if (post->failed) co_return make_error_code(Errc::protocol);
    answers.push_back(std::move(post->answer));
  }
  co_return answers;
}

asio::awaitable<void> DohH2::reading(std::shared_ptr<DohH2> self) {
  const Closing closing{*self};
  std::array<std::uint8_t, 4096> block;
  while (!self->closed_) {
    const auto n = co_await self->stream_->read_some(asio::buffer(block));
    if (!n || *n == 0 || nghttp2_session_mem_recv(self->session_.get(), block.data(), *n) < 0) break;
    // A provider that says goodbye (GOAWAY) takes no more questions.
    if (!nghttp2_session_check_request_allowed(self->session_.get()) && self->posts_.empty()) break;
    self->answered_.notify();
    self->to_send_.notify();
  }
}

asio::awaitable<void> DohH2::writing(std::shared_ptr<DohH2> self) {
  const Closing closing{*self};
  while (!self->closed_) {
    std::vector<std::uint8_t> out;
    const std::uint8_t* bytes = nullptr;
    auto n = nghttp2_session_mem_send(self->session_.get(), &bytes);
    for (; n > 0; n = nghttp2_session_mem_send(self->session_.get(), &bytes))
      out.insert(out.end(), bytes, bytes + n);
    if (n < 0) break;
    if (out.empty()) {
      co_await self->to_send_.wait(self->executor_);
      continue;
    }
    const auto written = co_await self->stream_->write_all(asio::buffer(out));
    if (!written) break;
  }
}

}  // namespace surang::client
