// The real `surang` as a process, in a folder of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace surang::test {

/// A command line of `surang` that runs. What it prints goes to OUTPUT and OUTPUT.err.
class Surang {
 public:
  Surang(const std::filesystem::path& config, std::vector<std::string> words, std::filesystem::path output);
  ~Surang();
  Surang(const Surang&) = delete;

  void signal(int number) const;
  /// Its exit code; -1 when it had to be killed, after `limit` or otherwise.
  int wait(std::chrono::seconds limit = std::chrono::seconds(60));
  std::string out() const;  ///< stdout so far
  std::string err() const;  ///< stderr so far
  /// Waits until it has said `what` on either.
  bool says(const std::string& what) const;

 private:
  std::filesystem::path output_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

struct Answer {
  int status = -1;
  std::string out, err;

  std::string all() const { return out + err; }
  bool has(const std::string& what) const { return all().find(what) != std::string::npos; }
};

/// A folder with a configuration that listens on a free port of 127.0.0.1.
struct Home {
  Home();
  ~Home();
  Home(const Home&) = delete;

  /// The configuration, with `more` at its end.
  void write(const std::string& more, const std::string& port = "0",
             const std::string& state = "state") const;
  std::filesystem::path config() const { return dir / "client.toml"; }
  /// Runs a command to its end.
  Answer ask(std::vector<std::string> words) const;

  std::filesystem::path dir;
};

/// The port of 127.0.0.1 that a running client says it listens on; fails the test when it does not.
std::string listening_port(const Surang& running);

}  // namespace surang::test
