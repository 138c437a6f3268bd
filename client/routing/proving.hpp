// What goodput_watch.cpp and freeze_watch.cpp share: the mark of a proof under way, one for each host, and
// how long a host leans on another way while it is looked into.
#pragma once

#include <algorithm>

#include "client/routing/router_core.hpp"

namespace surang::client {

struct RouterCore::Proving {
  Proving(std::shared_ptr<RouterCore> c, std::string h) : core(std::move(c)), host(std::move(h)) {
    core->proving.insert(host);
    core->proved[host] = Clock::now();
  }
  Proving(const Proving&) = delete;
  Proving& operator=(const Proving&) = delete;
  ~Proving() { core->proving.erase(host); }
  std::shared_ptr<RouterCore> core;
  std::string host;
};

/// A minute, or less where verdicts are short themselves.
inline Clock::duration lean_for(const config::ClientOptions& options) {
  return std::min<Clock::duration>(std::chrono::seconds(60), options.first_expiry / 2);
}

}  // namespace surang::client
