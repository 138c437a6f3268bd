// Remembers what a name resolved to, so that a stranger at the door waits for no name server and a hiccup of
// one does not show. The workers look up the cover site through it.
#pragma once

#include <chrono>
#include <map>

#include "transports/core/resolver.hpp"
#include "transports/core/task_group.hpp"

namespace surang::bridge {

class RememberingResolver : public Resolver {
 public:
  /// `inner` must outlive it. An answer older than `age` is still given while a newer one is fetched.
  RememberingResolver(boost::asio::any_io_executor executor, Resolver& inner,
                      std::chrono::seconds age = std::chrono::seconds(60));

  boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> resolve(std::string host) override;
  /// Fetches what is not known yet, in the background.
  void prefetch(const std::string& host);

 private:
  struct Entry {
    std::vector<boost::asio::ip::address> addresses;
    std::chrono::steady_clock::time_point asked{};
    bool asking = false;
  };
  boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> ask(std::string host);
  boost::asio::awaitable<void> refresh(std::string host);

  Resolver& inner_;
  const std::chrono::seconds age_;
  std::map<std::string, Entry> known_;  // only what a configuration names
  TaskGroup tasks_;
};

}  // namespace surang::bridge
