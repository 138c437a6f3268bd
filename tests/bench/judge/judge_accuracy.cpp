// How well the judge judges: a person browses for days in made-up networks (loss 0 to 10 %, round trips of 20
// to 600 ms, flaky sites, every kind of block, blocks that come and go by the minute, two lines by turns),
// with the real Router in simulated time; and an hour's outage beside a browser that retries. Prints the
// confusion matrix and exits 1 when a limit is missed. Usage: judge_accuracy [NETWORKS [DAYS [SEED]]]
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/bench/judge/outage.hpp"
#include "tests/bench/judge/report.hpp"
#include "tests/bench/judge/schedule.hpp"
#include "tests/bench/judge/simulated_person.hpp"
#include "tests/support/virtual_time.hpp"

using namespace surang;
using namespace surang::judge;

namespace {

Tally run_network(unsigned number, double days, const std::string& ca_file) {
  std::mt19937 random(number);
  const double whole = days * 86400;
  asio::io_context io(1);
  const auto conditions = make_conditions(random, number, whole);
  auto sites = make_sites(random, number, whole, conditions);
  SimulatedNetwork network(io.get_executor(), conditions, std::move(sites), number);
  std::ofstream(ca_file) << network.authority();
  config::ClientOptions options;
  options.extra_ca_file = ca_file;
  options.block_pages = config::shipped_block_pages();
  client::VerdictStore store({});
  client::Router router(io.get_executor(), options, &network.tunnel(), store, network.parts());
  Tally tally;
  const auto live = [](SimulatedNetwork& n, client::Router& r, client::VerdictStore& s, Browsing b,
                       Tally& into) -> asio::awaitable<void> {
    into = co_await browse(n, r, s, b);
    co_await r.stop();
  };
  Browsing browsing;
  browsing.time = std::chrono::seconds(static_cast<long>(whole));
  asio::co_spawn(io, live(network, router, store, browsing, tally), [&](std::exception_ptr e) {
    if (e) std::rethrow_exception(e);
    io.stop();
  });
  io.run();
  print_network(tally, number, conditions);
  return tally;
}

}  // namespace

int main(int count, char** words) {
  const int networks = count > 1 ? std::atoi(words[1]) : 40;
  const double days = count > 2 ? std::atof(words[2]) : 2;
  const unsigned seed = count > 3 ? static_cast<unsigned>(std::atoi(words[3])) : 1;
  if (networks < 1 || days <= 0) {
    std::fprintf(stderr, "usage: judge_accuracy [NETWORKS [DAYS [SEED]]]\n");
    return 64;
  }
  spdlog::set_level(spdlog::level::err);
  const auto ca_file =
      std::filesystem::temp_directory_path() / ("judge-" + std::to_string(getpid()) + ".pem");
  test::start_virtual_time();
  Tally all;
  for (int i = 0; i < networks; ++i) all.add(run_network(seed + static_cast<unsigned>(i), days, ca_file));
  int failed = report(all);
  failed += judge_outages(ca_file, seed);
  std::filesystem::remove(ca_file);
  return failed > 0;
}
