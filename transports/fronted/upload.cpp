#include "transports/fronted/upload.hpp"

#include <algorithm>
#include <utility>

#include "transports/core/timeout.hpp"

namespace surang::fronted {
namespace {

using namespace std::chrono_literals;
using Clock = EdgeModes::Clock;
using Kind = Note::Kind;

constexpr std::size_t kMostInPost = 1000 * 1000;  // what every edge takes
constexpr std::size_t kMostPosts = 8;
constexpr std::size_t kMuch = 128 * 1024;      // goes side by side
constexpr auto kLively = 1s;                   // after what was written before
constexpr std::uint64_t kTellAfter = 2 << 20;  // bytes that have come, a quarter of what the bridge keeps
constexpr auto kAnswerLimit = 90s;             // as for a POST

}  // namespace

Upload::Upload(asio::any_io_executor executor, EdgeRequests& requests, EdgeModes& modes,
               std::shared_ptr<Session> session, TaskGroup& tasks)
    : executor_(std::move(executor)),
      requests_(requests),
      modes_(modes),
      session_(std::move(session)),
      tasks_(tasks) {}

Upload::~Upload() = default;

asio::awaitable<void> Upload::run() {
  tasks_.spawn(watch_output());
  while (!requests_.over()) {
    const auto due = session_->written() - claimed_;
    const auto last_byte = session_->output_end();
    const bool much = due >= kMuch || last_byte;
    if (open_ && much) end(OpenPtr(open_));
    if (open_ || (due == 0 && !last_byte) || under_way_ >= kMostPosts) {
      co_await changed_.wait(executor_);
      continue;
    }
    ++under_way_;
    if (!much && may_open()) {
      tasks_.spawn(stream_up(begin(Mode::stream_up)));
      continue;
    }
    const auto from = claimed_;
    const auto size = claim(kMostInPost);
    const bool last = last_byte == claimed_;
    tasks_.spawn(post(last ? Kind::up_last : Kind::up, from, size));
    if (last) co_return;
  }
}

// So that everybody here waits for one thing.
asio::awaitable<void> Upload::watch_output() {
  for (std::uint64_t seen = 0;;) {
    const auto more = co_await session_->wait_output(seen);
    changed_.notify();
    if (!more || session_->output_end()) co_return;
    seen = session_->written();
  }
}

std::size_t Upload::claim(std::size_t most) {
  const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(session_->written() - claimed_, most));
  claimed_ += size;
  if (size > 0) last_claim_ = Clock::now();
  return size;
}

// Not for what comes alone: by a POST of its own that is at the bridge as soon, and acknowledged at once.
bool Upload::may_open() const {
  const auto now = Clock::now();
  if (now - last_claim_ > kLively) return false;
  const auto standing = modes_.standing(Mode::stream_up, now);
  if (standing == EdgeModes::Standing::untried)
    return session_->acknowledged() > 0 && session_->received() > 0;
  return standing == EdgeModes::Standing::open;
}

asio::awaitable<void> Upload::post(Kind kind, std::uint64_t from, std::size_t size) {
  const UnderWay counted(*this);
  co_await requests_.post_until_heard(kind, from, size);
}

void Upload::tell_received() {
  if (telling_ || session_->received() - requests_.told() < kTellAfter) return;
  telling_ = true;
  tasks_.spawn(tell());
}

asio::awaitable<void> Upload::tell() {
  struct Done {
    bool& telling;
    ~Done() { telling = false; }
  };
  const Done done{telling_};
  co_await requests_.post_until_heard(Kind::up, session_->acknowledged(), 0);
}

asio::awaitable<void> Upload::stream_up(OpenPtr open) {
  const UnderWay counted(*this);
  const auto from = open->body.from();
  bool heard = false;
  auto asked = co_await requests_.ask(Kind::up, from);
  if (asked) {
    open->request = std::move(*asked);
    const bool whole = co_await fill(open);
    if (whole) {
      const auto answer = co_await with_timeout(kAnswerLimit, requests_.hear_received(*open->request));
      heard = answer.has_value();
      if (!heard && answer.error() == Errc::protocol) modes_.failed(Mode::stream_up, Clock::now());
    }
  } else if (open_ == open) {
    claim(kMostInPost);  // an ordinary POST brings it, and has the patience
    open->end = claimed_;
  }
  retire(open);
  if (!heard && open->request) open->request->close(true);
  if (!heard) co_await requests_.post_until_heard(Kind::up, from, open->end - from);
}

}  // namespace surang::fronted
