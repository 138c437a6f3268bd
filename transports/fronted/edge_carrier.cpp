#include "transports/fronted/edge_carrier.hpp"

#include <sodium.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <utility>

#include "transports/core/buffer.hpp"
#include "transports/core/timeout.hpp"

namespace surang::fronted {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using Kind = Note::Kind;

constexpr std::size_t kMostInPost = 1000 * 1000;  // what every edge takes
constexpr std::size_t kMostPosts = 8;
constexpr std::uint64_t kTellAfter = 2 << 20;  // bytes that have come, a quarter of what the bridge keeps
constexpr std::uint32_t kMostNotePadding = 160;
constexpr auto kAnswerLimit = 30s;  // until the head of an answer
constexpr auto kPostLimit = 90s;
constexpr auto kGiveUp = 30s;  // without any success
constexpr auto kFarewell = 3s;

}  // namespace

// Between attempts: none after a success, then ever longer.
class EdgeCarrier::Patience {
 public:
  explicit Patience(EdgeCarrier& carrier) : carrier_(carrier) {}

  void success() {
    failures_ = 0;
    carrier_.success_ = Clock::now();
  }

  asio::awaitable<void> failure(error_code why) {
    if (Clock::now() - carrier_.success_ > kGiveUp) carrier_.session_->fail(why);
    const auto most = 50u << std::min(failures_++, 6u);
    asio::steady_timer timer(carrier_.executor_,
                             std::chrono::milliseconds(most / 2 + randombytes_uniform(most)));
    co_await timer.async_wait(asio::use_awaitable);
  }

 private:
  EdgeCarrier& carrier_;
  unsigned failures_ = 0;
};

EdgeCarrier::EdgeCarrier(asio::any_io_executor executor, Edge& edge, const UserKey& user,
                         const SessionName& name, std::shared_ptr<Session> session)
    : executor_(std::move(executor)),
      edge_(edge),
      names_(user),
      name_(name),
      session_(std::move(session)),
      tasks_(executor_) {}

bool EdgeCarrier::over() const noexcept {
  return session_->failure().failed();
}

std::string EdgeCarrier::path(Kind kind, std::uint64_t up) {
  Note note;
  note.kind = kind;
  note.time = std::time(nullptr);
  note.up = up;
  note.down = session_->received();
  told_ = std::max(told_, note.down);
  return to_text(
      {names_.place, name_, seal_note(names_.note_key, name_, note, randombytes_uniform(kMostNotePadding))});
}

asio::awaitable<void> EdgeCarrier::run() {
  struct Stop {
    TaskGroup& tasks;
    ~Stop() { tasks.cancel(); }
  };
  const Stop stop{tasks_};
  tasks_.spawn(bring_down());
  tasks_.spawn(bring_up());
  co_await session_->wait_left();
  // What was said last may still be on its way.
  (void)co_await with_timeout(kFarewell, session_->wait_acknowledged());
  tasks_.cancel();
  co_await tasks_.join();
  if (session_->failure() == Errc::no_route) co_return;  // nobody is there to be told
  (void)co_await with_timeout(kFarewell, post_once(Kind::abandon, session_->acknowledged(), 0));
}

asio::awaitable<void> EdgeCarrier::bring_down() {
  Patience patience(*this);
  while (!over() && !session_->received_all()) {
    const auto before = session_->received();
    const auto got = co_await get_once();
    if (got && session_->received() > before)
      patience.success();
    else if (!over() && !session_->received_all())
      co_await patience.failure(got ? make_error_code(Errc::timed_out) : got.error());
  }
}

asio::awaitable<Result<void>> EdgeCarrier::get_once() {
  const auto from = session_->received();
  auto asked = co_await edge_.ask("GET", path(Kind::down, 0), false);
  if (!asked) co_return asked.error();
  const auto request = std::move(*asked);
  const auto answer = co_await with_timeout(kAnswerLimit, request->answer());
  if (!answer) co_return answer.error();
  if (answer->status == 204) co_return session_->deliver_end(from);
  if (answer->status == 404) {
    session_->fail(make_error_code(Errc::no_route));
    co_return make_error_code(Errc::no_route);
  }
  if (answer->status != 200 || !answer->octets) co_return make_error_code(Errc::protocol);
  success_ = Clock::now();
  auto at = from;
  for (;;) {
    auto ready = co_await request->wait_readable();
    if (!ready) co_return ready.error();
    ScratchBuffer block;
    const auto n = request->try_read(block.all());
    if (!n) {
      if (n.error() == Errc::would_block) continue;
      co_return at > from ? Result<void>{} : n.error();
    }
    if (*n == 0) co_return Result<void>{};
    const auto taken = co_await session_->deliver(at, {block.data(), *n});
    if (!taken) co_return taken.error();
    at += *n;
    success_ = Clock::now();
    tell_received();
  }
}

// So that the bridge need not keep what has come.
void EdgeCarrier::tell_received() {
  if (telling_ || session_->received() - told_ < kTellAfter) return;
  telling_ = true;
  tasks_.spawn(post(Kind::up, session_->acknowledged(), 0));
}

asio::awaitable<void> EdgeCarrier::bring_up() {
  std::uint64_t sent = 0;
  for (bool last = false; !last;) {
    const auto more = co_await session_->wait_output(sent);
    if (!more) co_return;
    while (under_way_ >= kMostPosts) co_await posted_.wait(executor_);
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(session_->written() - sent, kMostInPost));
    last = session_->output_end() == sent + size;
    ++under_way_;
    tasks_.spawn(post(last ? Kind::up_last : Kind::up, sent, size));
    sent += size;
  }
}

// Until the bridge has it.
asio::awaitable<void> EdgeCarrier::post(Kind kind, std::uint64_t from, std::size_t size) {
  struct Done {
    EdgeCarrier& carrier;
    bool tells;
    ~Done() {
      if (tells)
        carrier.telling_ = false;
      else
        --carrier.under_way_;
      carrier.posted_.notify();
    }
  };
  const Done done{*this, size == 0 && kind == Kind::up};
  Patience patience(*this);
  while (!over()) {
    const auto posted = co_await with_timeout(kPostLimit, post_once(kind, from, size));
    if (posted) co_return patience.success();
    if (!over()) co_await patience.failure(posted.error());
  }
}

asio::awaitable<Result<void>> EdgeCarrier::post_once(Kind kind, std::uint64_t from, std::size_t size) {
  const auto end = from + size;
  from = std::clamp(session_->acknowledged(), from, end);  // an attempt before may have brought a part
  auto asked = co_await edge_.ask("POST", path(kind, from), true);
  if (!asked) co_return asked.error();
  const auto request = std::move(*asked);
  ScratchBuffer block;
  for (auto at = from; at < end;) {
    const std::span room(block.data(), std::min<std::size_t>(ScratchBuffer::kSize, end - at));
    const auto n = session_->copy_output(at, room);
    if (!n) co_return n.error();  // it has come there meanwhile, by such an attempt
    const auto said = co_await request->write_all(asio::buffer(block.data(), *n));
    if (!said) co_return said;
    at += *n;
  }
  const auto ended = co_await request->shutdown_write();
  if (!ended) co_return ended;
  const auto answer = co_await request->answer();
  if (!answer) co_return answer.error();
  if (answer->status == 404) session_->fail(make_error_code(Errc::no_route));
  if (answer->status != 200 || !answer->octets) co_return make_error_code(Errc::protocol);
  const auto received = co_await read_received(*request);
  if (!received) co_return received.error();
  if (!session_->acknowledge(*received)) co_return make_error_code(Errc::protocol);
  co_return Result<void>{};
}

asio::awaitable<Result<std::uint64_t>> EdgeCarrier::read_received(tunnel::H2Stream& request) {
  std::array<std::uint8_t, kNoteSize + kMaxNotePadding + 1> body{};
  std::size_t size = 0;
  for (;;) {
    const auto n = co_await request.read_some(asio::buffer(body.data() + size, body.size() - size));
    if (!n) co_return n.error();
    if (*n == 0) break;
    size += *n;
  }
  const auto note = open_note(names_.note_key, name_, std::span(body).first(size));
  if (!note || note->kind != Kind::received) co_return make_error_code(Errc::protocol);
  co_return note->up;
}

}  // namespace surang::fronted
