// The system's own word of changes, in a network namespace of a process of our own.
#include "client/detection/network_changes.hpp"

#include <arpa/inet.h>
#include <doctest.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstring>

#include "client/detection/network_watch.hpp"

using namespace surang::client;
using namespace std::chrono_literals;

namespace {

sockaddr address(const char* text) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  inet_pton(AF_INET, text, &in.sin_addr);
  sockaddr out{};
  std::memcpy(&out, &in, sizeof in);
  return out;
}

bool join_network(int fd) {
  ifreq lo{};
  std::strcpy(lo.ifr_name, "lo");
  lo.ifr_flags = IFF_UP;
  return ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
}

bool set_route(int fd, const char* gateway, unsigned long what) {
  rtentry route{};
  char device[] = "lo";
  route.rt_dst = address("0.0.0.0");
  route.rt_genmask = address("0.0.0.0");
  route.rt_gateway = address(gateway);
  route.rt_flags = RTF_UP | RTF_GATEWAY;
  route.rt_dev = device;
  return ioctl(fd, what, &route) == 0;
}

// What went wrong, as an exit code; 0: nothing. 100: no namespace may be made here.
int in_a_namespace() {
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return 100;
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return 1;
  boost::asio::io_context io;
  NetworkWatch watch;
  int told = 0;
  NetworkChanges changes(io.get_executor(), [&] {
    watch.stale();
    ++told;
  });
  if (!changes.watching()) return 2;
  watch.told(true);
  const auto nowhere = watch.current().id;
  const auto happens = [&] {
    const auto before = told;
    const auto until = Clock::now() + 10s;
    while (told == before && Clock::now() < until) io.run_one_for(100ms);
    return told > before;
  };
  if (!join_network(fd) || !happens()) return 3;
  if (!set_route(fd, "127.0.0.2", SIOCADDRT) || !happens()) return 4;
  const auto joined = watch.current().id;
  if (joined == nowhere) return 5;
  if (!set_route(fd, "127.0.0.2", SIOCDELRT) || !happens()) return 6;
  if (watch.current().id != nowhere) return 7;
  for (const auto* gateway : {"127.0.0.3", "127.0.0.2"})  // the second stands beside the first, and is used
    if (!set_route(fd, gateway, SIOCADDRT)) return 8;
  if (!happens() || told > 10) return 9;
  // Far more than the socket holds: some is lost, and that itself is news.
  for (int i = 0; i < 20'000; ++i)
    if (!set_route(fd, "127.0.0.3", i % 2 == 0 ? SIOCDELRT : SIOCADDRT)) return 10;
  if (!happens() || !changes.watching()) return 11;
  close(fd);
  return 0;
}

}  // namespace

TEST_CASE("a change of routes is told, and one who asks then sees another network") {
  const auto child = fork();
  REQUIRE(child >= 0);
  if (child == 0) _exit(in_a_namespace());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  const int outcome = WEXITSTATUS(status);
  const std::string why = outcome == 100 ? "no namespace may be made here: allow user namespaces, or be root"
                                         : "step " + std::to_string(outcome);
  CHECK_MESSAGE(outcome == 0, why);
}

TEST_CASE("nobody is called any more once the watch is gone") {
  boost::asio::io_context io;
  {
    const NetworkChanges changes(io.get_executor(), [] { CHECK(false); });
  }
  io.run_for(20ms);
}
