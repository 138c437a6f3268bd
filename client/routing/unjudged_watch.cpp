// A flight that may be said once goes out unjudged. What becomes of it is seen from its end, or from its
// silence, and looked into by a probe of our own, so that the browser's retry goes right.
#include <boost/asio/use_awaitable.hpp>

#include "client/routing/router_core.hpp"

namespace surang::client {
namespace {

class UnjudgedWatch final : public ConnectionWatch {
 public:
  UnjudgedWatch(std::weak_ptr<RouterCore> core, Endpoint to, std::string host, FirstFlight::Kind said,
                std::shared_ptr<const Stream*> stream)
      : core_(std::move(core)),
        to_(std::move(to)),
        host_(std::move(host)),
        said_(said),
        stream_(std::move(stream)) {}
  ~UnjudgedWatch() override { *stream_ = nullptr; }

  void ended(std::uint64_t bytes_from_site, bool browser_closed, error_code why) override {
    *stream_ = nullptr;
    const auto core = core_.lock();
    if (!core) return;
    const bool said = said_ != FirstFlight::Kind::none;
    if (bytes_from_site > 0) {
      core->learner.health().direct_worked(Clock::now());
      // As little may be a block page, which nobody has looked at.
      const bool page = said_ == FirstFlight::Kind::http && bytes_from_site < kMaxFirstAnswer;
      if (page && !browser_closed) core->contrast_later(to_, host_);
    } else if (!browser_closed && (said || why)) {  // to nothing said, a quiet end is no answer
      core->contrast_later(to_, host_);
    }
  }

 private:
  std::weak_ptr<RouterCore> core_;
  Endpoint to_;
  std::string host_;
  FirstFlight::Kind said_;
  std::shared_ptr<const Stream*> stream_;  // null when there is nothing to watch any more
};

}  // namespace

std::unique_ptr<ConnectionWatch> RouterCore::watch_unjudged(Endpoint to, std::string host,
                                                            const Stream& stream, FirstFlight::Kind said,
                                                            Clock::duration rtt) {
  auto watched = std::make_shared<const Stream*>(&stream);
  if (said != FirstFlight::Kind::none && tunnel && parts.heard) {
    const auto hedge = limits().hedge;
    const auto wait = rtt > Clock::duration::zero() ? hedge.silence + 2 * rtt : silence_limit(hedge);
    background.spawn(heard_in_time(watched, to, host, wait));
  }
  return std::make_unique<UnjudgedWatch>(weak_from_this(), std::move(to), std::move(host), said,
                                         std::move(watched));
}

asio::awaitable<void> RouterCore::heard_in_time(std::shared_ptr<const Stream*> stream, Endpoint to,
                                                std::string host, Clock::duration wait) {
  const auto self = shared_from_this();
  asio::steady_timer timer(executor, wait);
  co_await timer.async_wait(asio::use_awaitable);
  if (*stream && !parts.heard(**stream)) contrast_later(std::move(to), std::move(host));
}

}  // namespace surang::client
