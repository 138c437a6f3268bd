// The system's resolver for what Surang itself dials by name: its bridges, and what stands before them. It
// keeps which names those are: where the system's own questions are captured, these must not be given fakes,
// which lead back here.
#pragma once

#include <set>
#include <string>

#include "transports/tcp/system_resolver.hpp"

namespace surang::client {

class OwnNames final : public Resolver {
 public:
  boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> resolve(std::string host) override {
    if (names_.size() >= kMost) names_.clear();
    names_.insert(host);
    return system_.resolve(std::move(host));
  }
  bool has(const std::string& name) const { return names_.contains(name); }

 private:
  static constexpr std::size_t kMost = 1024;
  SystemResolver system_;
  std::set<std::string> names_;
};

}  // namespace surang::client
