#include "bridge-server/cover/remembering_resolver.hpp"

#include <utility>

namespace surang::bridge {

namespace asio = boost::asio;
using Addresses = std::vector<asio::ip::address>;
using Clock = std::chrono::steady_clock;

RememberingResolver::RememberingResolver(asio::any_io_executor executor, Resolver& inner,
                                         std::chrono::seconds age)
    : inner_(inner), age_(age), tasks_(std::move(executor)) {}

asio::awaitable<Result<Addresses>> RememberingResolver::resolve(std::string host) {
  const auto found = known_.find(host);
  if (found == known_.end() || found->second.addresses.empty()) co_return co_await ask(std::move(host));
  if (Clock::now() - found->second.asked >= age_) prefetch(host);
  co_return found->second.addresses;
}

void RememberingResolver::prefetch(const std::string& host) {
  if (!std::exchange(known_[host].asking, true)) tasks_.spawn(refresh(host));
}

asio::awaitable<Result<Addresses>> RememberingResolver::ask(std::string host) {
  auto answer = co_await inner_.resolve(host);
  auto& entry = known_[host];
  entry.asked = Clock::now();  // a failure counts, so that an old answer is not renewed at every knock
  if (answer) entry.addresses = *answer;
  co_return answer;
}

asio::awaitable<void> RememberingResolver::refresh(std::string host) {
  struct Done {
    bool& asking;
    ~Done() { asking = false; }
  } const done{known_[host].asking};
  (void)co_await ask(host);
}

}  // namespace surang::bridge
