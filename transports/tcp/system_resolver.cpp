#include "transports/tcp/system_resolver.hpp"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "transports/core/endpoint.hpp"
#include "transports/core/process.hpp"

namespace surang {
namespace {

namespace asio = boost::asio;
using Addresses = std::vector<asio::ip::address>;

// The threads in which getaddrinfo blocks, for the whole process: started when needed, gone after a quiet
// while. They are detached and outlive main() if a lookup still hangs then.
class LookupThreads {
 public:
  void run(std::function<void()> job) {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    if (jobs_.size() <= idle_ || threads_ >= kMost) {
      wake_.notify_one();
      return;
    }
    ++threads_;
    start_thread([this] { work(); }).detach();
  }

 private:
  static constexpr std::size_t kMost = 32;

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      const bool some = wake_.wait_for(lock, std::chrono::seconds(10), [this] { return !jobs_.empty(); });
      --idle_;
      if (!some) break;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
    --threads_;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::size_t idle_ = 0, threads_ = 0;
};

LookupThreads& lookup_threads() {
  static auto* const threads = new LookupThreads;  // never destroyed: a detached thread may still use it
  return *threads;
}

Result<Addresses> look_up(const std::string& host) {
  asio::io_context unused;
  asio::ip::tcp::resolver resolver(unused);
  error_code ec;
  const auto found = resolver.resolve(host, "", ec);
  if (ec == asio::error::host_not_found || ec == asio::error::no_data)
    return make_error_code(Errc::name_not_found);
  if (ec) return ec;
  Addresses addresses;
  for (const auto& entry : found) {
    const auto address = entry.endpoint().address();
    if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
      addresses.push_back(address);
  }
  if (addresses.empty()) return make_error_code(Errc::name_not_found);
  return addresses;
}

// Between the waiting coroutine and its lookup thread. While `waiting`, the coroutine's frame lives and so
// does its io_context; the thread touches the executor only then.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor)
      : answered(std::make_shared<asio::steady_timer>(executor, asio::steady_timer::time_point::max())) {}
  std::mutex mutex;
  bool waiting = true;
  bool done = false;
  Result<Addresses> answer = Addresses{};
  std::shared_ptr<asio::steady_timer> answered;  // cancelled to wake the coroutine
};

void look_up_for(Lookup& lookup, const std::string& host) {
  {
    std::lock_guard lock(lookup.mutex);
    if (!lookup.waiting) return;  // given up while it stood in the queue
  }
  auto answer = look_up(host);
  std::lock_guard lock(lookup.mutex);
  if (!lookup.waiting) return;
  lookup.answer = std::move(answer);
  lookup.done = true;
  asio::post(lookup.answered->get_executor(), [timer = lookup.answered] { timer->cancel(); });
}

// Leaves the lookup to itself when the coroutine ends, whichever way.
struct Leave {
  std::shared_ptr<Lookup> lookup;
  ~Leave() {
    std::lock_guard lock(lookup->mutex);
    lookup->waiting = false;
    lookup->answered.reset();
  }
};

}  // namespace

asio::awaitable<Result<Addresses>> SystemResolver::resolve(std::string host) {
  if (const auto literal = address_literal(host)) co_return Addresses{*literal};

  const auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  const Leave leave{lookup};
  const auto answered = lookup->answered;
  lookup_threads().run([lookup, host] { look_up_for(*lookup, host); });
  for (;;) {
    error_code ignored;
    co_await answered->async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
    std::lock_guard lock(lookup->mutex);
    if (lookup->done) co_return std::move(lookup->answer);
  }
}

}  // namespace surang
