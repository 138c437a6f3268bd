#include "client/control/control_client.hpp"

#include <doctest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

using namespace surang;
using namespace surang::client;
using Local = boost::asio::local::stream_protocol;
using namespace std::chrono_literals;

namespace {

struct SocketName {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("surang-control-" + std::to_string(::getpid()));
  SocketName() { std::filesystem::remove(path); }
  ~SocketName() { std::filesystem::remove(path); }
};

boost::asio::awaitable<ControlAnswer> say(ControlRequest request) {
  ControlAnswer answer;
  answer.body = boost::json::object{{"path", request.path}, {"host", request.query["host"]}};
  co_return answer;
}

}  // namespace

TEST_CASE("a client that is wedged is not waited for") {
  const SocketName name;
  boost::asio::io_context io;
  Local::acceptor mute(io, Local::endpoint(name.path.string()));  // the kernel accepts, nobody answers
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = ask_client(name.path, "GET", "/status", 200ms);
  CHECK(answer.error() == Errc::timed_out);
  CHECK(std::chrono::steady_clock::now() - begin < 10s);
}

TEST_CASE("nobody there is said as such") {
  const SocketName name;
  CHECK(ask_client(name.path, "GET", "/status").error() == std::errc::no_such_file_or_directory);
  {
    boost::asio::io_context io;
    const Local::acceptor left(io, Local::endpoint(name.path.string()));
  }
  CHECK(ask_client(name.path, "GET", "/status").error() == std::errc::connection_refused);
}

TEST_CASE("a client that runs is asked and answers") {
  const SocketName name;
  boost::asio::io_context io;
  TaskGroup tasks(io.get_executor());
  ControlServer server(io.get_executor());
  std::string why;
  REQUIRE_MESSAGE(server.open(name.path, why), why);
  boost::asio::co_spawn(io, server.run(tasks, say), boost::asio::detached);
  std::thread thread([&] { io.run(); });
  const auto answer = ask_client(name.path, "GET", "/why?host=x.com", 20s);
  boost::asio::post(io, [&] {
    server.close();
    tasks.cancel();
  });
  thread.join();
  REQUIRE(answer.has_value());
  CHECK(answer->status == 200);
  CHECK(answer->body == boost::json::value{{"path", "/why"}, {"host", "x.com"}});
}
