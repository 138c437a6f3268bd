// The running bridge's control socket: one JSON object a line each way, for the CLI of the same user (mode
// 0600).
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <functional>
#include <memory>

#include "transports/core/result.hpp"

namespace surang::bridge {

class ControlServer {
 public:
  using Answer = std::function<boost::json::object(const boost::json::object& request)>;

  /// `io` must outlive it; `answer` is called on it.
  ControlServer(boost::asio::io_context& io, std::filesystem::path socket, Answer answer);
  ~ControlServer();  ///< removes the socket

  /// Binds, replacing a socket that a dead bridge left. address_in_use: another bridge runs with this state
  /// folder.
  Result<void> start();
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::bridge
