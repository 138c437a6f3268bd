// What RouterCore does when the network is another one, when the computer has slept, and where a network
// wants people to sign in first.
#include <spdlog/spdlog.h>

#include <boost/asio/use_awaitable.hpp>

#include "client/detection/portal_probe.hpp"
#include "client/detection/site_scope.hpp"
#include "client/routing/router_core.hpp"
#include "transports/core/alarm.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

// For what nobody tells: a sleep, mostly.
constexpr auto kLookAgain = 2s;
// One change is told in many pieces.
constexpr auto kBurst = 10ms;
// Just awake, the link may be up and nothing behind it yet.
constexpr auto kAfterSleep = 5s;

}  // namespace

void RouterCore::follow_network() {
  const auto slept = parts.network()->sleeps;
  const auto stay = learner.stay();
  if (followed == stay && slept == sleeps) return;
  const bool woke = slept != sleeps;
  const bool first = !followed;
  sleeps = slept;
  followed = stay;
  spdlog::debug("on network {}{}", learner.network(), woke ? ", awake" : "");
  arrive(woke);
  if (!first && network_changed) network_changed();
}

void RouterCore::arrive(bool slept) {
  const auto now = Clock::now();
  parts.names->forget();
  parts.connector->forget();
  evasion_memory.leave_network();
  if (goodput) goodput->forget();
  if (slept) {
    learner.health().forget();
    learner.health().hold_until(now + kAfterSleep);
  }
  portal.arrived(now);
  settle_portal(false);
  portal_news.notify();
}

void RouterCore::settle_portal(bool was_captive) {
  learner.health().uncertain(portal.state() != CaptivePortal::State::clean);
  if (was_captive == portal.captive()) return;
  if (portal.captive()) {
    spdlog::warn("this network wants you to sign in first: open any page in the browser");
  } else {
    spdlog::info("the network is open now");
    parts.names->forget();  // the portal's answers
    learner.health().forget();
  }
}

void RouterCore::site_reached(const std::string& host) {
  if (!portal.captive()) return;
  portal.reached(registrable_domain(host), Clock::now());
  portal_news.notify();
}

void RouterCore::site_answered() {
  if (!portal.captive()) return;
  portal.hinted(Clock::now());
  portal_news.notify();
}

void RouterCore::start_following() {
  if (options.captive_probe) background.spawn(watch_portal(shared_from_this(), *options.captive_probe));
  background.spawn(following(shared_from_this()));
}

asio::awaitable<void> RouterCore::following(std::shared_ptr<RouterCore> self) {
  struct Hearing {
    explicit Hearing(RouterCore& c) : core(c) {}
    RouterCore& core;
    ~Hearing() {
      if (core.parts.on_network_news) core.parts.on_network_news(nullptr);
    }
  };
  const Hearing hearing(*self);
  bool told = false;
  Alarm again(executor);
  asio::steady_timer burst(executor);
  if (parts.on_network_news)
    parts.on_network_news([this, &told] {
      told = true;
      network_news.notify();
    });
  for (;;) {
    follow_network();
    again.set(kLookAgain, [this] { network_news.notify(); });
    co_await network_news.wait(executor);
    if (!told) continue;
    burst.expires_after(kBurst);
    co_await burst.async_wait(asio::use_awaitable);
    told = false;
  }
}

asio::awaitable<void> RouterCore::watch_portal([[maybe_unused]] std::shared_ptr<RouterCore> self,
                                               config::CaptiveProbe probe) {
  Alarm again(executor);
  for (;;) {
    const auto due = portal.due();
    if (due && *due <= Clock::now()) {
      background.spawn(ask_portal(self, probe, portal.asked(Clock::now())));
      continue;
    }
    if (due) again.set(*due, [this] { portal_news.notify(); });
    co_await portal_news.wait(executor);
  }
}

asio::awaitable<void> RouterCore::ask_portal([[maybe_unused]] std::shared_ptr<RouterCore> self,
                                             config::CaptiveProbe probe, unsigned number) {
  const auto answer = co_await ask_portal_probe(parts.names.get(), parts.connector.get(), block_pages, probe);
  const bool was_captive = portal.captive();
  if (!portal.answered(number, answer, Clock::now())) co_return;
  settle_portal(was_captive);
  portal_news.notify();
  if (!portal.captive()) co_return;
  // Where the very site shows its certificate, somebody lies about this one page and there is nothing to sign
  // in to.
  const Endpoint secured(probe.host, 443);
  const auto with = tools();
  const auto within = limits();
  const auto proof =
      co_await verified(executor, with, within, Way::direct, secured, probe.host, tls_context());
  if (!proof) co_return;
  const bool still = portal.captive();
  portal.reached_asked(number);
  settle_portal(still);
}

}  // namespace surang::client
