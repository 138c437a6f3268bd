// A connection to one DoH provider over HTTP/2 (RFC 8484 5.1), shared by all names that are asked for while
// it stands: each costs one round trip instead of three. Kept by doh.cpp.
#pragma once

#include <nghttp2/nghttp2.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/dns/dns_message.hpp"
#include "transports/core/alarm.hpp"
#include "transports/core/stream.hpp"
#include "transports/core/task_group.hpp"
#include "transports/core/wakeup.hpp"

namespace surang::client {

class DohH2 : public std::enable_shared_from_this<DohH2> {
 public:
  /// `stream` has TLS done and chose "h2"; `host` and `path` are the provider's. Ends itself after `idle`
  /// without a question.
  DohH2(asio::any_io_executor executor, StreamPtr stream, std::string host, std::string path,
        std::chrono::steady_clock::duration idle);
  ~DohH2();
  DohH2(const DohH2&) = delete;
  DohH2& operator=(const DohH2&) = delete;

  /// Reads and writes as tasks of `tasks`, which hold it, until it is closed. To be called once, first.
  void start(TaskGroup& tasks);
  /// As doh_over_http1; Errc::closed when the connection ended before the answers were there.
  asio::awaitable<Result<std::vector<DnsBytes>>> ask(std::vector<DnsBytes> queries);
  bool open() const noexcept { return !closed_; }
  void close() noexcept;

 private:
  struct Post {
    DnsBytes query, answer;
    std::size_t sent = 0;
    bool ok_status = false, ended = false, failed = false;
  };
  using PostPtr = std::shared_ptr<Post>;
  struct Callbacks;
  struct Closing;

  bool submit(const PostPtr& post);
  static asio::awaitable<void> reading(std::shared_ptr<DohH2> self);
  static asio::awaitable<void> writing(std::shared_ptr<DohH2> self);

  asio::any_io_executor executor_;
  StreamPtr stream_;
  const std::string host_, path_;
  const std::chrono::steady_clock::duration idle_time_;
  std::map<std::int32_t, PostPtr> posts_;  // until their streams are closed, whoever waits for them
  std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)> session_;
  Wakeup answered_, to_send_;
  Alarm idle_;
  bool closed_ = false;
};

}  // namespace surang::client
