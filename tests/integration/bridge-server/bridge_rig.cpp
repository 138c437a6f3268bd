#include "tests/integration/bridge-server/bridge_rig.hpp"

#include <doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/json/parse.hpp>
#include <csignal>
#include <cstdlib>

#include "config/private_file.hpp"
#include "transports/core/relay.hpp"
#include "transports/core/timeout.hpp"
#include "transports/tcp/tcp_stream.hpp"

namespace surang::test {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

// Forks and runs; `read_end` gives what it prints. Our own threads are why nothing but exec follows the fork.
int spawn_program(const std::vector<std::string>& arguments, int& read_end, unsigned descriptors = 0) {
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  const int pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::dup2(ends[1], 1);
    ::dup2(ends[1], 2);
    if (const rlimit limit{descriptors, descriptors}; descriptors > 0) ::setrlimit(RLIMIT_NOFILE, &limit);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  read_end = ends[0];
  return pid;
}

int exit_code(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int wait_for_exit(int pid, std::chrono::milliseconds limit) {
  const auto until = Clock::now() + limit;
  for (int status = 0; Clock::now() < until; ::usleep(10'000))
    if (::waitpid(pid, &status, WNOHANG) == pid) return exit_code(status);
  return -1;
}

tcp::acceptor on_loopback(asio::io_context& io) {
  return {io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
}

asio::awaitable<void> echo(tcp::socket socket) {
  std::array<char, 16 * 1024> block;
  for (;;) {
    error_code ec;
    const auto n =
        co_await socket.async_read_some(asio::buffer(block), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    co_await asio::async_write(socket, asio::buffer(block, n), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
  }
}

asio::awaitable<void> say_cover(tcp::socket socket) {
  std::array<char, 4096> block;
  error_code ec;
  const std::string word = "cover";
  for (bool said = false;; said = true) {
    co_await socket.async_read_some(asio::buffer(block), asio::redirect_error(asio::use_awaitable, ec));
    if (ec) co_return;
    if (!said)
      co_await asio::async_write(socket, asio::buffer(word), asio::redirect_error(asio::use_awaitable, ec));
  }
}

}  // namespace

Outcome run_program(std::vector<std::string> arguments, std::chrono::seconds limit) {
  Outcome outcome;
  int from = -1;
  const int pid = spawn_program(arguments, from);
  const auto until = Clock::now() + limit;
  char block[4096];
  pollfd ready{from, POLLIN, 0};
  while (Clock::now() < until) {
    if (::poll(&ready, 1, 100) <= 0) continue;
    const auto n = ::read(from, block, sizeof block);
    if (n <= 0) break;
    outcome.out.append(block, static_cast<std::size_t>(n));
  }
  ::close(from);
  outcome.code = wait_for_exit(pid, 2s);
  if (outcome.code < 0) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  return outcome;
}

EchoServer::EchoServer(asio::io_context& io) : tasks_(io.get_executor()), acceptor_(on_loopback(io)) {
  tasks_.spawn(accept());
}

asio::awaitable<void> EchoServer::accept() {
  for (;;) {
    tcp::socket peer = co_await acceptor_.async_accept(asio::use_awaitable);
    tasks_.spawn(echo(std::move(peer)));
  }
}

CoverServer::CoverServer(asio::io_context& io) : tasks_(io.get_executor()), acceptor_(on_loopback(io)) {
  tasks_.spawn(accept());
}

asio::awaitable<void> CoverServer::accept() {
  for (;;) {
    tcp::socket peer = co_await acceptor_.async_accept(asio::use_awaitable);
    ++visits;
    tasks_.spawn(say_cover(std::move(peer)));
  }
}

std::uint16_t free_port() {
  asio::io_context io;
  return on_loopback(io).local_endpoint().port();
}

BridgeProcess::BridgeProcess(std::uint16_t cover_port, std::uint16_t obfs4_port) {
  std::string name = (std::filesystem::temp_directory_path() / "surang-bridge-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  dir = name;
  const auto made =
      command({"init", "--host", "127.0.0.1", "--cover", "127.0.0.1:" + std::to_string(cover_port), "--sni",
               "cover.test", "--listen", "127.0.0.1:443", "--obfs4-port", std::to_string(obfs4_port),
               "--state-dir", (dir / "state").string()});
  REQUIRE_MESSAGE(made.code == 0, made.out);
  edit("\"127.0.0.1:443\"", "\"127.0.0.1:0\"");  // not a cover at 443nn
  edit("allow_egress = []", "allow_egress = [\"127.0.0.0/8\"]");
  edit("workers = 0", "workers = 2");
}

BridgeProcess::~BridgeProcess() {
  if (pid_ > 0) {
    // In order, so that a sanitizer has its say at the end.
    ::kill(pid_, SIGTERM);
    int code = wait_for_exit(pid_, 1500ms);  // a second one would kill what is at its end already
    if (code < 0) {
      ::kill(pid_, SIGTERM);
      code = wait_for_exit(pid_, 20s);
    }
    if (code < 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    CHECK_MESSAGE(code == 0, log());
  }
  if (reader_.joinable()) reader_.join();
  for (const char* finding : {"Sanitizer", "runtime error:"})
    CHECK_MESSAGE(log_.find(finding) == std::string::npos, log_);
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
}

void BridgeProcess::edit(std::string_view what, std::string_view with) {
  const auto file = dir / "bridge.toml";
  auto text = config::read_file(file).value();
  const auto at = text.find(what);
  REQUIRE_MESSAGE(at != text.npos, text);
  text.replace(at, what.size(), with);
  REQUIRE(config::write_private_file(file, text).has_value());
}

void BridgeProcess::start() {
  int from = -1;
  pid_ = spawn_program({SURANG_BRIDGE, "--config", (dir / "bridge.toml").string(), "run"}, from,
                       limit_descriptors);
  reader_ = std::thread([this, from] { read_log(from); });
  REQUIRE_MESSAGE(logged("listening on 127.0.0.1:"), log());
  const auto text = log();
  constexpr std::string_view kMark = "listening on 127.0.0.1:";
  port = static_cast<std::uint16_t>(std::atoi(text.c_str() + text.find(kMark) + kMark.size()));
}

void BridgeProcess::read_log(int from) {
  char block[4096];
  for (;;) {
    const auto n = ::read(from, block, sizeof block);
    if (n <= 0) break;
    const std::scoped_lock lock(mutex_);
    log_.append(block, static_cast<std::size_t>(n));
    grown_.notify_all();
  }
  ::close(from);
}

bool BridgeProcess::logged(std::string_view text, std::chrono::seconds limit) {
  std::unique_lock lock(mutex_);
  return grown_.wait_for(lock, limit, [&] {
    const auto at = log_.find(text);
    return at != log_.npos && log_.find('\n', at) != log_.npos;
  });
}

std::string BridgeProcess::log() {
  const std::scoped_lock lock(mutex_);
  return log_;
}

void BridgeProcess::signal(int number) const {
  REQUIRE(pid_ > 0);
  ::kill(pid_, number);
}

int BridgeProcess::wait(std::chrono::milliseconds limit) {
  const int code = wait_for_exit(pid_, limit);
  if (code >= 0) pid_ = -1;
  return code;
}

Outcome BridgeProcess::command(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {SURANG_BRIDGE, "--config", (dir / "bridge.toml").string()});
  return run_program(std::move(arguments));
}

boost::json::object BridgeProcess::status() const {
  const auto told = command({"status", "--json"});
  REQUIRE_MESSAGE(told.code == 0, told.out);
  return boost::json::parse(told.out).as_object();
}

config::ShareLink BridgeProcess::link(const std::string& user) const {
  const auto printed = command({"link", user});
  REQUIRE_MESSAGE(printed.code == 0, printed.out);
  std::string why;
  auto text = printed.out.substr(0, printed.out.find('\n'));
  // Port 0 is no port for a link; the real one is known since start().
  if (const auto at = text.find("https:0:"); at != text.npos) text.replace(at, 8, "https:1:");
  auto link = config::parse_share_link(text, why);
  REQUIRE_MESSAGE(link.has_value(), why);
  link->transports.front().port = port;
  return std::move(*link);
}

config::ShareLink BridgeProcess::link_by(const std::string& transport, const std::string& user) const {
  auto out = link(user);
  std::erase_if(out.transports, [&](const TransportSpec& one) { return one.name != transport; });
  REQUIRE(out.transports.size() == 1);
  return out;
}

BridgeClient::BridgeClient(asio::io_context& io, const config::ShareLink& link, Dialer* tcp) {
  std::string why;
  auto made = make_session_dialer(link.transports.front(), link.bridge, io.get_executor(),
                                  tcp ? *tcp : static_cast<Dialer&>(plain_), why);
  REQUIRE_MESSAGE(made.has_value(), why);
  sessions_ = std::move(*made);
  tunnel =
      std::make_unique<tunnel::TunnelDialer>(io.get_executor(), *sessions_, tunnel::TunnelDialerOptions{});
}

asio::awaitable<bool> BridgeClient::echoes(Stream& stream, std::string text) {
  const auto sent = co_await stream.write_all(asio::buffer(text));
  if (!sent) co_return false;
  std::string back(text.size(), '\0');
  const auto got = co_await with_timeout(10s, stream.read_exactly(asio::buffer(back)));
  co_return got.has_value() && back == text;
}

asio::awaitable<StreamPtr> BridgeClient::open(std::uint16_t port) {
  Endpoint to("127.0.0.1", port);
  auto stream = co_await tunnel->dial(to);
  if (!stream) co_return nullptr;
  const bool works = co_await echoes(**stream, "hello");
  if (!works) co_return nullptr;
  co_return std::move(*stream);
}

asio::awaitable<error_code> BridgeClient::refusal(Endpoint to) {
  auto stream = co_await tunnel->dial(to);
  if (!stream) co_return stream.error();
  std::array<char, 16> block;
  const auto got = co_await with_timeout(10s, (*stream)->read_some(asio::buffer(block)));
  co_return got ? error_code{} : got.error();
}

}  // namespace surang::test
