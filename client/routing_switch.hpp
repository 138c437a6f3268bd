// Puts a new Router in the place of the old one while connections are being opened: those begun with the old
// one finish with it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>

#include "client/routing/router.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client {

class RoutingSwitch : public Outbound {
 public:
  explicit RoutingSwitch(asio::any_io_executor executor) : tasks_(std::move(executor)) {}

  bool empty() const { return !router_; }
  Router& current() { return *router_; }
  std::shared_ptr<Router> hold() { return router_; }
  void set(std::shared_ptr<Router> next) {
    auto old = std::exchange(router_, std::move(next));
    if (old) tasks_.spawn(retire(std::move(old)));
  }
  std::shared_ptr<HeadStart> begin(const Endpoint& to) override { return router_->begin(to); }
  asio::awaitable<Result<OpenedConnection>> open(Endpoint to, FirstFlight flight,
                                                 std::shared_ptr<HeadStart> begun) override {
    const auto router = router_;
    co_return co_await router->open(std::move(to), std::move(flight), std::move(begun));
  }
  DatagramWay datagram_way(const Endpoint& to, const std::string& site) override {
    return router_->datagram_way(to, site);
  }
  asio::awaitable<Result<DatagramFlowPtr>> open_datagrams(DatagramWay way) override {
    const auto router = router_;
    co_return co_await router->open_datagrams(way);
  }
  Standing standing(const Endpoint& to, const std::string& site) override {
    return router_->standing(to, site);
  }
  asio::awaitable<NameWord> look_up(std::string name) override {
    const auto router = router_;
    auto word = co_await router->look_up(std::move(name));
    co_return word;
  }
  asio::awaitable<Result<std::vector<std::uint8_t>>> ask_encrypted(std::vector<std::uint8_t> query) override {
    const auto router = router_;
    co_return co_await router->ask_encrypted(std::move(query));
  }
  error_code refuses(const Endpoint& to) const override { return router_->refuses(to); }
  /// No open() may run or follow.
  asio::awaitable<void> stop() {
    tasks_.cancel();
    co_await tasks_.join();
    if (router_) co_await router_->stop();
  }

 private:
  static asio::awaitable<void> retire(std::shared_ptr<Router> old) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (old.use_count() > 1) {
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::use_awaitable);
    }
    co_await old->stop();
  }

  TaskGroup tasks_;
  std::shared_ptr<Router> router_;
};

}  // namespace surang::client
