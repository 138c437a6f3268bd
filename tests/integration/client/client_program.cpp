#include "tests/integration/client/client_program.hpp"

#include <doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

namespace surang::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::string content(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

int create(const fs::path& file) {
  return ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
}

fs::path error_file(fs::path output) {
  return output += ".err";
}

}  // namespace

Surang::Surang(const fs::path& config, std::vector<std::string> words, fs::path output)
    : output_(std::move(output)) {
  words.insert(words.begin(), {SURANG, "--config", config.string()});
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int out = create(output_), err = create(error_file(output_));
  REQUIRE((out >= 0 && err >= 0));
  pid_ = ::fork();
  if (pid_ == 0) {  // nothing but exec: the test may have threads
    ::dup2(out, 1);
    ::dup2(err, 2);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(out);
  ::close(err);
  REQUIRE(pid_ > 0);
}

Surang::~Surang() {
  if (!ended_) wait(std::chrono::seconds(0));
}

void Surang::signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

int Surang::wait(std::chrono::seconds limit) {
  const auto until = Clock::now() + limit;
  while (!ended_) {
    ended_ = ::waitpid(pid_, &status_, WNOHANG) == pid_;
    if (ended_) break;
    if (Clock::now() >= until) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status_, 0);
      ended_ = true;
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : -1;
}

std::string Surang::out() const {
  return content(output_);
}

std::string Surang::err() const {
  return content(error_file(output_));
}

bool Surang::says(const std::string& what) const {
  const auto said = [&] { return (out() + err()).find(what) != std::string::npos; };
  for (const auto until = Clock::now() + std::chrono::seconds(30); Clock::now() < until;) {
    if (said()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return said();
}

Home::Home() {
  std::string name = (fs::temp_directory_path() / "surang-test-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  dir = name;
  write("");
}

Home::~Home() {
  std::error_code ignored;
  fs::remove_all(dir, ignored);
}

void Home::write(const std::string& more, const std::string& port, const std::string& state) const {
  std::ofstream(config()) << "listen = [\"127.0.0.1:" << port << "\"]\nstate_dir = \""
                          << (dir / state).string() << "\"\n"
                          << more << "\n[detection]\nbackground_probes = false\ncaptive_probe = \"\"\n";
}

Answer Home::ask(std::vector<std::string> words) const {
  Surang command(config(), std::move(words), dir / "asked");
  const int status = command.wait();
  return {status, command.out(), command.err()};
}

std::string listening_port(const Surang& running) {
  const std::string mark = "listening on 127.0.0.1:";
  REQUIRE_MESSAGE(running.says(mark), running.err());
  const auto log = running.err();
  const auto at = log.find(mark) + mark.size();
  return log.substr(at, log.find('\n', at) - at);
}

}  // namespace surang::test
