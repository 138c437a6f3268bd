#include <sys/resource.h>

#include <csignal>

#include "client/os.hpp"

namespace surang::client {

void prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool add_reload_signal(boost::asio::signal_set& signals) {
  signals.add(SIGHUP);
  return true;
}

}  // namespace surang::client
