#include "transports/core/process.hpp"

#include <sys/resource.h>

#include <csignal>
#include <utility>

// Read by jemalloc, where that is linked: OpenSSL allocates and frees its read buffer of 66 KB over and over
// where a connection is often empty, which is cheap only from the thread's cache. And connections come and go
// in crowds, each with dozens of small blocks: the cache holds as many as a crowd needs, a few hundred KB a
// thread.
extern "C" {
extern const char* malloc_conf;
const char* malloc_conf =
    "lg_tcache_max:17,lg_tcache_nslots_mul:3,tcache_nslots_small_max:800,tcache_gc_incr_bytes:1048576";
}

namespace surang {

std::size_t prepare_process() {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : before;
}

std::thread start_thread(std::function<void()> work) {
  // A thread begins with its maker's mask.
  struct Blocked {
    sigset_t all, before;
    Blocked() {
      ::sigfillset(&all);
      // A fault of the thread itself is its own.
      for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) ::sigdelset(&all, fault);
      ::pthread_sigmask(SIG_BLOCK, &all, &before);
    }
    ~Blocked() { ::pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  } const blocked;
  return std::thread(std::move(work));
}

}  // namespace surang
