#include "tests/censor/middlebox/control.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace surang::censor {
namespace {

Clock::duration milliseconds(double value) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(value));
}

std::string set_delay(Engine& engine, const std::vector<std::string>& words) {
  PathDelay delay;
  const auto up = words.size() > 2 ? parse_amount(words[2]) : std::nullopt;
  const auto down = words.size() > 3 ? parse_amount(words[3]) : up;
  if (!up || !down) return "error: delay TARGET UP_MS [DOWN_MS]";
  if (words[1] != "*" && !(delay.remote = parse_prefix(words[1])))
    return "error: not an address: " + words[1];
  delay.up = milliseconds(*up);
  delay.down = milliseconds(*down);
  engine.set_delay(delay);
  return "ok";
}

std::string list_rules(const Engine& engine) {
  boost::json::array all;
  for (const auto& rule : engine.rules()) {
    all.push_back({{"id", rule.id},
                   {"rule", rule.text},
                   {"packets", rule.packets_hit},
                   {"bytes", rule.bytes_hit},
                   {"flows", rule.flows_hit}});
  }
  return boost::json::serialize(all);
}

std::string list_flows(const Engine& engine) {
  boost::json::array all;
  for (const auto& [key, flow] : engine.flows().all()) all.push_back(describe(key, flow));
  return boost::json::serialize(all);
}

}  // namespace

std::string execute(Engine& engine, const std::string& line) {
  const auto words = split_words(line);
  if (words.empty()) return "error: empty line";
  const auto& command = words[0];
  if (command == "add") {
    std::string why;
    auto rule = parse_rule(line.substr(line.find("add") + 3), why);
    return rule ? "ok " + std::to_string(engine.add(std::move(*rule))) : "error: " + why;
  }
  if (command == "del" && words.size() == 2) {
    const auto id = parse_amount(words[1]);
    return id && engine.remove(static_cast<unsigned>(*id)) ? "ok" : "error: no rule " + words[1];
  }
  if (command == "clear") return engine.clear(), "ok";
  if (command == "list") return list_rules(engine);
  if (command == "flows") return list_flows(engine);
  if (command == "delay") return set_delay(engine, words);
  if (command == "near" && words.size() == 2) {
    const auto value = parse_amount(words[1]);
    if (!value) return "error: near MS";
    engine.set_near(milliseconds(*value));
    return "ok";
  }
  if (command == "stats") {
    return boost::json::serialize(boost::json::object{
        {"passed", engine.passed}, {"dropped", engine.dropped}, {"forged", engine.forged}});
  }
  return "error: unknown command " + command;
}

ControlSocket::ControlSocket(const std::string& path) : path_(path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("control socket path is too long");
  std::memcpy(address.sun_path, path.data(), path.size());
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  unlink(path.c_str());
  if (listener_ < 0 || bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 16) != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

ControlSocket::~ControlSocket() {
  for (const auto& [connection, text] : partial_) close(connection);
  close(listener_);
  unlink(path_.c_str());
}

int ControlSocket::accept() {
  const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (connection >= 0) partial_[connection];
  return connection;
}

bool ControlSocket::serve(int connection, Engine& engine) {
  char bytes[4096];
  const auto got = recv(connection, bytes, sizeof bytes, 0);
  if (got <= 0) {
    partial_.erase(connection);
    close(connection);
    return false;
  }
  auto& text = partial_[connection];
  text.append(bytes, static_cast<std::size_t>(got));
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n')) {
    const auto answer = execute(engine, text.substr(0, end)) + "\n";
    text.erase(0, end + 1);
    if (send(connection, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) break;
  }
  return true;
}

}  // namespace surang::censor
