// A line between a client and a bridge that a test bends: it delays, loses, repeats, cuts, and keeps a
// record.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "transports/core/task_group.hpp"

namespace surang::test {

class UdpLine {
 public:
  using Udp = boost::asio::ip::udp;
  using Bytes = std::vector<std::uint8_t>;

  UdpLine(boost::asio::io_context& io, std::uint16_t bridge_port)
      : io_(io),
        bridge_(boost::asio::ip::make_address("127.0.0.1"), bridge_port),
        front_(io, Udp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)),
        tasks_(io.get_executor()) {
    front_.non_blocking(true);
    tasks_.spawn(read_front());
  }
  ~UdpLine() {
    boost::system::error_code ignored;
    front_.close(ignored);
    for (auto& [from, back] : backs_) back->socket.close(ignored);
  }

  std::uint16_t port() const { return front_.local_endpoint().port(); }
  /// By how many addresses clients have spoken so far.
  std::size_t clients() const { return backs_.size(); }
  void forget_record() {
    up.clear();
    down.clear();
  }

  std::chrono::milliseconds delay{0};  ///< each way
  double loss = 0;                     ///< each way
  bool cut = false;                    ///< nothing passes
  std::vector<Bytes> up, down;         ///< what has passed
  std::uint64_t bytes_up = 0, bytes_down = 0;

 private:
  struct Back {
    explicit Back(boost::asio::io_context& io)
        : socket(io, Udp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)) {
      socket.non_blocking(true);
      boost::system::error_code ignored;
      socket.set_option(boost::asio::socket_base::receive_buffer_size(1 << 22), ignored);
    }
    Udp::socket socket;
  };

  boost::asio::awaitable<void> read_front() {
    boost::system::error_code ignored;
    front_.set_option(boost::asio::socket_base::receive_buffer_size(1 << 22), ignored);
    for (;;) {
      Bytes bytes(65536);
      Udp::endpoint from;
      boost::system::error_code ec;
      bytes.resize(co_await front_.async_receive_from(
          boost::asio::buffer(bytes), from, boost::asio::redirect_error(boost::asio::use_awaitable, ec)));
      if (ec) co_return;
      auto& back = backs_[from];
      if (!back) {
        back = std::make_shared<Back>(io_);
        tasks_.spawn(read_back(back, from));
      }
      if (lost()) continue;
      bytes_up += bytes.size();
      up.push_back(bytes);
      pass(std::move(bytes), [back, to = bridge_](const Bytes& b) {
        boost::system::error_code failed;
        back->socket.send_to(boost::asio::buffer(b), to, 0, failed);
      });
    }
  }

  boost::asio::awaitable<void> read_back(std::shared_ptr<Back> back, Udp::endpoint client) {
    for (;;) {
      Bytes bytes(65536);
      Udp::endpoint from;
      boost::system::error_code ec;
      bytes.resize(co_await back->socket.async_receive_from(
          boost::asio::buffer(bytes), from, boost::asio::redirect_error(boost::asio::use_awaitable, ec)));
      if (ec) co_return;
      if (lost()) continue;
      bytes_down += bytes.size();
      down.push_back(bytes);
      pass(std::move(bytes), [this, client](const Bytes& b) {
        boost::system::error_code failed;
        front_.send_to(boost::asio::buffer(b), client, 0, failed);
      });
    }
  }

  bool lost() { return cut || (loss > 0 && std::bernoulli_distribution(loss)(random_)); }

  void pass(Bytes bytes, std::function<void(const Bytes&)> on) {
    if (delay.count() == 0) return on(bytes);
    auto timer = std::make_shared<boost::asio::steady_timer>(io_, delay);
    timer->async_wait(
        [timer, bytes = std::move(bytes), on = std::move(on)](const boost::system::error_code& ec) {
          if (!ec) on(bytes);
        });
  }

  boost::asio::io_context& io_;
  const Udp::endpoint bridge_;
  Udp::socket front_;
  std::map<Udp::endpoint, std::shared_ptr<Back>> backs_;
  std::mt19937 random_{7};
  TaskGroup tasks_;
};

}  // namespace surang::test
