#include "transports/fronted/edge_carrier.hpp"

#include <utility>

#include "transports/core/buffer.hpp"
#include "transports/core/timeout.hpp"

namespace surang::fronted {
namespace {

using namespace std::chrono_literals;
using Kind = Note::Kind;
using Standing = EdgeModes::Standing;

constexpr auto kFarewell = 3s;
constexpr auto kAside = 50ms;
constexpr std::size_t kCalm = 16 * 1024;  // what comes at once where little is under way

}  // namespace

EdgeCarrier::EdgeCarrier(asio::any_io_executor executor, Edge& edge, const UserKey& user,
                         const SessionName& name, std::shared_ptr<Session> session)
    : executor_(std::move(executor)),
      modes_(edge.modes()),
      session_(std::move(session)),
      requests_(executor_, edge, user, name, session_),
      tasks_(executor_),
      upload_(executor_, requests_, modes_, session_, tasks_) {}

asio::awaitable<void> EdgeCarrier::run() {
  struct Stop {
    TaskGroup& tasks;
    ~Stop() { tasks.cancel(); }
  };
  const Stop stop{tasks_};
  tasks_.spawn(bring_down());
  tasks_.spawn(upload_.run());
  co_await session_->wait_left();
  // What was said last may still be on its way.
  (void)co_await with_timeout(kFarewell, session_->wait_acknowledged());
  tasks_.cancel();
  co_await tasks_.join();
  upload_.stop();
  if (session_->failure() == Errc::no_route) co_return;  // nobody is there to be told
  (void)co_await with_timeout(kFarewell, requests_.post(Kind::abandon, session_->acknowledged(), 0));
}

asio::awaitable<void> EdgeCarrier::bring_down() {
  EdgeRequests::Patience patience(requests_);
  while (!requests_.over() && !session_->received_all()) {
    // What has cut a GET may be that the bridge answers the other: its head is about as far then.
    if (two_way_ == TwoWay::asked)
      (void)co_await with_timeout(kAside + modes_.round_trip() / 2, two_way_decided());
    if (two_way_ == TwoWay::carries) {
      co_await two_way_changed_.wait(executor_);
      continue;
    }
    const auto before = session_->received();
    const bool both = modes_.standing(Mode::stream_one, EdgeModes::Clock::now()) == Standing::open;
    auto got = both ? two_way_once() : get_once();
    const auto result = co_await std::move(got);
    if (result && session_->received() > before)
      patience.success();
    else if (!requests_.over() && !session_->received_all() && two_way_ == TwoWay::none)
      co_await patience.failure(result ? make_error_code(Errc::timed_out) : result.error());
  }
}

asio::awaitable<Result<void>> EdgeCarrier::get_once() {
  const auto from = session_->received();
  ++gets_;
  auto asked = co_await requests_.ask(Kind::down, 0);
  if (!asked) co_return asked.error();
  const auto request = std::move(*asked);
  const auto status = co_await requests_.hear_head(*request, from);
  if (!status) co_return status.error();
  if (*status == 204) co_return session_->deliver_end(from);
  struct Reading {
    tunnel::H2Stream*& get;
    ~Reading() { get = nullptr; }
  };
  get_ = request.get();
  const Reading reading{get_};
  co_return co_await read_down(*request, from);
}

asio::awaitable<Result<void>> EdgeCarrier::two_way_once() {
  struct Over {
    EdgeCarrier& carrier;
    ~Over() { carrier.set_two_way(TwoWay::none); }
  };
  two_way_ = TwoWay::asked;
  const Over over{*this};
  const auto gets = gets_;
  const auto from = session_->received();
  const auto open = upload_.begin_two_way();
  auto asked = co_await requests_.ask(Kind::both, open->body.from());
  if (!asked) {
    upload_.lost(open, asked.error());
    co_return asked.error();
  }
  const std::shared_ptr<tunnel::H2Stream> request = std::move(*asked);
  upload_.feed(open, request);
  const auto status = co_await requests_.hear_head(*request, from);
  if (!status) {
    if (status.error() == Errc::protocol) modes_.failed(Mode::stream_one, EdgeModes::Clock::now());
    upload_.lost(open, status.error());
    co_return status.error();
  }
  upload_.answer_began(open);
  set_two_way(TwoWay::carries);
  if (*status == 204) {
    upload_.end(open);
    co_return session_->deliver_end(from);
  }
  if (get_ && gets == gets_) get_->close(true);  // the bridge has left it for this one
  const auto read = co_await read_down(*request, from, open);
  if (read)
    upload_.end(open);
  else
    upload_.lost(open, read.error());
  co_return read;
}

void EdgeCarrier::set_two_way(TwoWay now) {
  two_way_ = now;
  two_way_changed_.notify();
}

asio::awaitable<Result<void>> EdgeCarrier::two_way_decided() {
  while (two_way_ == TwoWay::asked) co_await two_way_changed_.wait(executor_);
  co_return Result<void>{};
}

asio::awaitable<void> EdgeCarrier::try_two_way() {
  (void)co_await two_way_once();
}

// Beside the GET, which goes on until the bridge has answered, and where the edge does not let it through.
bool EdgeCarrier::may_try_two_way(std::size_t got) const {
  return two_way_ == TwoWay::none && got < kCalm && session_->acknowledged() > 0 &&
         modes_.standing(Mode::stream_one, EdgeModes::Clock::now()) == Standing::untried;
}

// `open` is the two-way request's.
asio::awaitable<Result<void>> EdgeCarrier::read_down(tunnel::H2Stream& request, std::uint64_t from,
                                                     Upload::OpenPtr open) {
  for (auto at = from;;) {
    if (open) open->awaits_answer = true;
    auto ready = co_await request.wait_readable();
    if (open) open->awaits_answer = false;
    if (!ready) co_return ready.error();
    ScratchBuffer block;
    const auto n = request.try_read(block.all());
    if (!n) {
      if (n.error() == Errc::would_block) continue;
      co_return at > from ? Result<void>{} : n.error();
    }
    if (*n == 0) co_return Result<void>{};
    const auto taken = co_await session_->deliver(at, {block.data(), *n});
    if (!taken) co_return taken.error();
    at += *n;
    if (open) upload_.answer_brought(open);
    requests_.succeeded();
    upload_.tell_received();
    if (may_try_two_way(*n)) {
      two_way_ = TwoWay::asked;
      tasks_.spawn(try_two_way());
    }
  }
}

}  // namespace surang::fronted
