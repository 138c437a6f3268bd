#include <windows.h>

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <mutex>
#include <optional>

#include "client/pt/parent_watch.hpp"
#include "transports/core/process.hpp"
#include "transports/core/result.hpp"

namespace surang::client::pt {
namespace {

namespace asio = boost::asio;

// A thread of its own waits for stdin, which nothing else there can wait for; it may outlive the program's
// loop, which it then does not touch.
struct Watch {
  std::mutex mutex;
  std::optional<asio::steady_timer> over;
};

void read_to_the_end(const std::shared_ptr<Watch>& watch) {
  char ignored[256];
  DWORD n = 0;
  const auto input = ::GetStdHandle(STD_INPUT_HANDLE);
  while (::ReadFile(input, ignored, sizeof ignored, &n, nullptr) && n > 0) {
  }
  const std::lock_guard lock(watch->mutex);
  if (watch->over)
    asio::post(watch->over->get_executor(), [watch] {
      const std::lock_guard still(watch->mutex);
      if (watch->over) watch->over->cancel();
    });
}

}  // namespace

// Who is started there does not learn that its parent has gone.
asio::awaitable<void> until_parent_leaves(bool by_stdin) {
  const auto watch = std::make_shared<Watch>();
  watch->over.emplace(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  if (by_stdin) start_thread([watch] { read_to_the_end(watch); }).detach();
  struct AtEnd {
    Watch& watch;
    ~AtEnd() {
      const std::lock_guard lock(watch.mutex);
      watch.over.reset();
    }
  } const at_end{*watch};
  error_code ended;
  co_await watch->over->async_wait(asio::redirect_error(asio::use_awaitable, ended));
}

}  // namespace surang::client::pt
