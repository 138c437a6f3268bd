// The running client's local interface: HTTP/1.1 with JSON on a socket that only its user can open. The CLI
// is its first user.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/json/value.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "transports/core/result.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client {

struct ControlRequest {
  std::string method, path;  ///< "GET", "/why"
  std::map<std::string, std::string> query;
};

struct ControlAnswer {
  unsigned status = 200;
  boost::json::value body;
};

/// Where the client that uses `state_dir` listens.
std::filesystem::path control_socket(const std::filesystem::path& state_dir);

class ControlServer {
 public:
  using Handler = std::function<boost::asio::awaitable<ControlAnswer>(ControlRequest)>;

  explicit ControlServer(boost::asio::any_io_executor executor) : acceptor_(executor) {}
  ~ControlServer() { close(); }

  /// Takes the socket (0600). A left-over of a client that died is replaced; with one that lives it is
  /// address_in_use, and `why` says so.
  Result<void> open(const std::filesystem::path& socket, std::string& why);
  /// Serves until closed or cancelled; requests run in `tasks`.
  boost::asio::awaitable<void> run(TaskGroup& tasks, Handler handler);
  void close();

 private:
  boost::asio::local::stream_protocol::acceptor acceptor_;
  std::filesystem::path socket_;
};

}  // namespace surang::client
