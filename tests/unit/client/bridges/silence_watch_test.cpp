#include "client/bridges/silence_watch.hpp"

#include <doctest.h>

#include "client/bridges/lane_store.hpp"

using namespace surang::client;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Step = SilenceWatch::Step;

namespace {

const Clock::time_point kBegin{1h};

Clock::time_point at(Clock::duration d) {
  return kBegin + d;
}

}  // namespace

TEST_CASE("a silence after use is asked about, and suspect after two round trips and half a second") {
  SilenceWatch w;
  CHECK(w.used(at(0s), at(-1s), 100ms));
  CHECK(w.next() == at(350ms));
  CHECK_FALSE(w.used(at(100ms), at(-1s), 100ms));
  CHECK(w.look(at(350ms), at(-1s), at(0s)) == Step::ask);
  CHECK(w.next() == at(700ms));
  CHECK(w.look(at(700ms), at(-1s), at(0s)) == Step::suspect);
  CHECK(w.look(at(800ms), at(-1s), at(0s)) == Step::rest);
}

TEST_CASE("a silence begins with the first use that nothing was heard since") {
  SilenceWatch w;
  CHECK(w.used(at(0s), at(-1s), 100ms));
  CHECK_FALSE(w.used(at(200ms), at(100ms), 100ms));
  CHECK_FALSE(w.used(at(300ms), at(100ms), 100ms));
  CHECK(w.look(at(350ms), at(100ms), at(200ms)) == Step::wait);
  CHECK(w.next() == at(550ms));
  CHECK(w.look(at(550ms), at(100ms), at(200ms)) == Step::ask);
  CHECK(w.look(at(900ms), at(100ms), at(200ms)) == Step::suspect);
}

TEST_CASE("what answers is left alone, and asked ever more rarely while somebody waits for a site") {
  SilenceWatch w;
  CHECK(w.used(at(0s), at(-1s), 100ms));
  CHECK(w.look(at(350ms), at(50ms), {}) == Step::rest);
  CHECK(w.used(at(1s), at(500ms), 100ms));
  auto now = w.next();
  auto heard = at(1100ms);
  Clock::duration pause{};
  for (int i = 0; i < 8; ++i) {
    const auto begun = now;
    while (w.look(now, heard, at(1s)) == Step::wait) now = w.next();
    CHECK(now - begun >= pause);
    pause = now - begun;
    heard = now + 100ms;
    now = w.next();
  }
  CHECK(pause > 10s);
  CHECK(w.look(now, heard, {}) == Step::rest);
}

TEST_CASE("what says something and does not answer is asked all the same") {
  SilenceWatch w;
  CHECK(w.used(at(0s), at(-1s), 100ms));
  auto now = at(0s);
  int asked = 0;
  for (; now < at(2s); now += 50ms) {
    (void)w.used(now, now - 10ms, 100ms);  // and used all the while
    if (now >= w.next() && w.look(now, now - 10ms, at(0s)) == Step::ask) ++asked;
  }
  CHECK(asked >= 2);
}

TEST_CASE("a far end whose kernel takes what is sent is borne with for longer, once") {
  SilenceWatch w;
  CHECK(w.used(at(0s), at(-1s), 100ms));
  CHECK(w.look(at(350ms), at(-1s), at(0s)) == Step::ask);
  CHECK(w.look(at(700ms), at(-1s), at(0s)) == Step::suspect);
  CHECK(w.bear(at(700ms)));
  CHECK(w.next() == at(350ms + 1900ms));
  CHECK(w.look(at(1s), at(-1s), at(0s)) == Step::wait);
  CHECK(w.look(w.next(), at(-1s), at(0s)) == Step::suspect);
  CHECK_FALSE(w.bear(w.next()));
}

TEST_CASE("a blocked lane rests for longer each time") {
  LaneRecord r;
  note_refused(r, 1000);
  CHECK(r.since == 1000);
  CHECK(pause_after(r, 1000) == 60s);
  note_refused(r, 1060);
  CHECK(r.since == 1000);
  CHECK(pause_after(r, 1060) == 120s);
  for (int i = 0; i < 10; ++i) note_refused(r, 2000);
  CHECK(pause_after(r, 2000) == 600s);
  note_worked(r, 2600);
  CHECK(r.since == 0);
  for (int i = 1; i <= 10; ++i) note_relapsed(r, 3000 + i);
  CHECK(pause_after(r, 3010) == 3600s);
  note_worked(r, 8000);
  note_relapsed(r, 8001);
  CHECK(r.relapses == 1);  // it lasted for longer than an hour
  CHECK(pause_after(r, 8001) == 60s);
}

TEST_CASE("lanes are remembered by hashes that need the link") {
  surang::TransportSpec spec;
  spec.name = "https";
  surang::BridgeIdentity bridge;
  bridge.hosts = {"192.0.2.1"};
  const auto key = lane_key(spec, bridge);
  CHECK(key.size() == 16);
  auto other = spec;
  other.port = 8443;
  CHECK(lane_key(other, bridge) != key);
  bridge.user.secret[0] = 1;
  CHECK(lane_key(spec, bridge) != key);
}

TEST_CASE("what is known of lanes outlives the program, and a broken file is begun anew") {
  const auto dir = std::filesystem::temp_directory_path() / ("surang-lanes-" + std::to_string(::getpid()));
  std::filesystem::create_directories(dir);
  const auto file = dir / "bridges.sqlite";
  LaneRecord r{1, 2, 3, 4, 5};
  {
    LaneStore store(file);
    store.put("net", "lane", r);
    CHECK(store.find("other", "lane") == LaneRecord());
  }
  CHECK(LaneStore(file).find("net", "lane") == r);
  std::filesystem::resize_file(file, 100);
  std::filesystem::remove(file.string() + "-wal");
  {
    LaneStore store(file);
    CHECK(store.find("net", "lane") == LaneRecord());
    store.put("net", "lane", r);
    for (int i = 0; i < 1200; ++i) store.put("net", std::to_string(i), r);
  }
  CHECK(std::filesystem::exists(file.string() + ".broken"));
  CHECK(LaneStore(file).find("net", "1199") == r);
  std::filesystem::remove_all(dir);
  LaneStore nowhere(dir / "missing" / "file");
  nowhere.put("net", "lane", r);
  CHECK(nowhere.find("net", "lane") == r);
}
