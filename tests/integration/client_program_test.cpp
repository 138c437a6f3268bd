// The whole `surang` as a process: start, second start, taken port, reload, ask, end.
#include <doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "client/app.hpp"
#include "client/control/commands.hpp"

using namespace surang::client;
namespace fs = std::filesystem;

namespace {

// A process that runs the command line of `surang` and nothing of the test.
class Surang {
 public:
  Surang(const fs::path& config, std::vector<std::string> words, fs::path output)
      : output_(std::move(output)) {
    words.insert(words.begin(), {"surang", "--config", config.string()});
    std::cout.flush();  // or the child says it too
    ::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int out = ::open(output_.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    ::dup2(out, 1);
    ::dup2(out, 2);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int status = run_command_line(static_cast<int>(words.size()), argv.data());
    ::fflush(nullptr);
    std::cout.flush();
    ::_exit(status);
  }
  ~Surang() {
    if (!ended_) ::kill(pid_, SIGKILL);
    wait();
  }
  void signal(int number) const { ::kill(pid_, number); }
  int wait() {
    if (!std::exchange(ended_, true)) ::waitpid(pid_, &status_, 0);
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
  }
  std::string said() const {
    std::ifstream in(output_);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  bool says(const std::string& what) const {
    for (int i = 0; i < 500; ++i) {
      if (said().find(what) != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }

 private:
  fs::path output_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

struct Home {
  Home() {
    char name[] = "/tmp/surang-test-XXXXXX";
    dir = ::mkdtemp(name);
    write("");
  }
  ~Home() { fs::remove_all(dir); }
  void write(const std::string& more, const std::string& port = "0",
             const std::string& state = "state") const {
    std::ofstream(config()) << "listen = [\"127.0.0.1:" << port << "\"]\nstate_dir = \""
                            << (dir / state).string() << "\"\n[detection]\nbackground_probes = false\n"
                            << more;
  }
  fs::path config() const { return dir / "client.toml"; }
  std::pair<int, std::string> ask(std::vector<std::string> words) const {
    Surang command(config(), std::move(words), dir / "asked");
    const int status = command.wait();
    return {status, command.said()};
  }
  fs::path dir;
};

std::string port_in(const std::string& log) {
  const auto at = log.find("127.0.0.1:") + 10;
  return log.substr(at, log.find('\n', at) - at);
}

}  // namespace

TEST_CASE("surang runs once, tells what it does, takes changes and ends") {
  const Home home;
  CHECK(home.ask({"status"}).first == kNotRunning);
  CHECK(home.ask({"why", "x.com"}).second.find("x.com goes directly") != std::string::npos);
  Surang running(home.config(), {"run"}, home.dir / "log");
  REQUIRE(running.says("listening on 127.0.0.1:"));
  CHECK(fs::status(home.dir / "state" / "control.sock").permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK((fs::status(home.dir / "state").permissions() & fs::perms(077)) == fs::perms::none);

  auto [status, said] = home.ask({"status"});
  CHECK(status == kOk);
  CHECK(said.find("Proxy (SOCKS and HTTP): 127.0.0.1:") != std::string::npos);
  CHECK(home.ask({"status", "--json"}).second.starts_with("{\"version\""));

  std::tie(status, said) = home.ask({"run"});
  CHECK(status == kUnavailable);
  CHECK(said.find("already running") != std::string::npos);

  std::tie(status, said) = home.ask({"rules", "add", "never", "ads.example"});
  CHECK(status == kOk);
  CHECK(said.find("uses it now") != std::string::npos);
  CHECK(home.ask({"why", "a.ads.example"}).second.find("refused") != std::string::npos);
  CHECK(home.ask({"rules", "list"}).second == "never ads.example\n");
  CHECK(home.ask({"rules", "remove", "ads.example"}).first == kOk);
  CHECK(home.ask({"rules", "remove", "ads.example"}).first == kUsage);
  CHECK(home.ask({"why", "a.ads.example"}).second.find("refused") == std::string::npos);

  home.write("[[rule]]\naction = \"never\"\npattern = \"b.example\"\n");
  running.signal(SIGHUP);
  CHECK(running.says("0 bridge(s), 1 rule(s)"));
  home.write("nonsense = 1\n");
  running.signal(SIGHUP);
  CHECK(running.says("not reloaded: "));
  CHECK(running.said().find("unknown key 'nonsense'") != std::string::npos);

  running.signal(SIGTERM);
  CHECK(running.wait() == kOk);
  CHECK_FALSE(fs::exists(home.dir / "state" / "control.sock"));
}

TEST_CASE("surang names the port that is taken, and starts after a crash") {
  const Home home;
  Surang first(home.config(), {"run"}, home.dir / "log");
  REQUIRE(first.says("listening on 127.0.0.1:"));
  const auto port = port_in(first.said());
  home.write("", port, "other");
  const auto [status, said] = home.ask({"run"});
  CHECK(status == kUnavailable);
  CHECK_MESSAGE(said.find("port " + port) != std::string::npos, said);
  first.signal(SIGKILL);
  first.wait();
  home.write("", port);
  Surang again(home.config(), {"run"}, home.dir / "log of the second");
  CHECK(again.says("listening on 127.0.0.1:" + port));
  again.signal(SIGTERM);
  CHECK(again.wait() == kOk);
}

TEST_CASE("surang refuses what is wrong in the right code") {
  const Home home;
  CHECK(home.ask({}).first == kUsage);
  CHECK(home.ask({"fly"}).first == kUsage);
  CHECK(home.ask({"add", "surang://nonsense"}).first == kUsage);
  CHECK(home.ask({"rules", "add", "sometimes", "x.com"}).first == kUsage);
  CHECK(home.ask({"rules", "add", "never", "x com"}).first == kUsage);
  CHECK(home.ask({"why", "x com"}).first == kUsage);
  home.write("hegde = 1\n");
  CHECK(home.ask({"run"}).first == kConfig);
  fs::remove(home.config());
  CHECK(home.ask({"run"}).first == kConfig);
}
