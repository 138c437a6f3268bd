#include "transports/fronted/edge_requests.hpp"

#include <sodium.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "transports/core/buffer.hpp"
#include "transports/core/timeout.hpp"

namespace surang::fronted {
namespace {

using namespace std::chrono_literals;
using Kind = Note::Kind;

constexpr std::uint32_t kMostNotePadding = 160;
constexpr std::size_t kSmall = 16 * 1024;  // what goes up in no time
constexpr auto kHeadLimit = 30s;
constexpr auto kPostLimit = 90s;
constexpr auto kGiveUp = 30s;         // without any success
constexpr unsigned kGiveUpPages = 6;  // of the edge's own, with no success before

}  // namespace

void EdgeRequests::Patience::success() noexcept {
  failures_ = 0;
  requests_.succeeded();
}

asio::awaitable<void> EdgeRequests::Patience::failure(error_code why) {
  const auto now = Clock::now();
  if (failures_ == 0) first_ = now;  // a quiet session has had no success for long
  // A bridge that is not there for a moment lasts less long than an edge that will not have us.
  if (why == Errc::protocol) ++pages_;
  const bool refused = !requests_.begun_ && pages_ >= kGiveUpPages;
  if (refused || now - std::max(requests_.success_, first_) > kGiveUp) requests_.session_->fail(why);
  const auto most = 50u << std::min(failures_++, 4u);
  const std::chrono::milliseconds pause(most / 2 + randombytes_uniform(most));
  (void)co_await with_timeout(pause, requests_.edge_.next_connection());
}

EdgeRequests::EdgeRequests(asio::any_io_executor executor, Edge& edge, const UserKey& user,
                           const SessionName& name, std::shared_ptr<Session> session)
    : executor_(std::move(executor)), edge_(edge), names_(user), name_(name), session_(std::move(session)) {}

std::string EdgeRequests::path(Kind kind, std::uint64_t up) {
  Note note;
  note.kind = kind;
  note.time = std::time(nullptr);
  note.up = up;
  note.down = session_->received();
  told_ = std::max(told_, note.down);
  return to_text(
      {names_.place, name_, seal_note(names_.note_key, name_, note, randombytes_uniform(kMostNotePadding))});
}

asio::awaitable<Result<Edge::Request>> EdgeRequests::ask(Kind kind, std::uint64_t up) {
  const bool get = kind == Kind::down;
  return edge_.ask(get ? "GET" : "POST", path(kind, up), !get);
}

asio::awaitable<Result<void>> EdgeRequests::post(Kind kind, std::uint64_t from, std::size_t size) {
  return with_timeout(kPostLimit, attempt(kind, from, size));
}

asio::awaitable<void> EdgeRequests::post_until_heard(Kind kind, std::uint64_t from, std::size_t size) {
  Patience patience(*this);
  while (!over()) {
    const auto posted = co_await post(kind, from, size);
    if (posted) co_return patience.success();
    if (!over()) co_await patience.failure(posted.error());
  }
}

asio::awaitable<Result<void>> EdgeRequests::attempt(Kind kind, std::uint64_t from, std::size_t size) {
  const auto end = from + size;
  from = std::clamp(session_->acknowledged(), from, end);  // an attempt before may have brought a part
  auto asked = co_await ask(kind, from);
  if (!asked) co_return asked.error();
  const auto request = std::move(*asked);
  // What ends early must not look like the end of what it was to bring.
  struct Cut {
    tunnel::H2Stream& request;
    bool whole = false;
    ~Cut() {
      if (!whole) request.close(true);
    }
  } cut{*request};
  const auto begun = Clock::now();
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
  cut.whole = true;
  const auto heard = co_await hear_received(*request);
  const auto now = Clock::now();
  if (heard && end - from <= kSmall) edge_.modes().answered_after(now - begun, now);
  co_return heard;
}

asio::awaitable<Result<void>> EdgeRequests::hear_received(tunnel::H2Stream& request) {
  const auto answer = co_await request.answer();
  if (!answer) co_return answer.error();
  if (answer->status == 404) session_->fail(make_error_code(Errc::no_route));
  if (answer->status != 200 || !answer->octets) co_return make_error_code(Errc::protocol);
  const auto received = co_await read_received(request);
  if (!received) co_return received.error();
  if (!session_->acknowledge(received->up)) co_return make_error_code(Errc::protocol);
  written_there_ = std::max(written_there_, received->down);
  succeeded();
  co_return Result<void>{};
}

asio::awaitable<Result<int>> EdgeRequests::hear_head(tunnel::H2Stream& request, std::uint64_t from) {
  const auto begun = Clock::now();
  const auto answer = co_await with_timeout(kHeadLimit, request.answer());
  // A connection that has died is noticed sooner.
  if (!answer) co_return Clock::now() - begun < kHeadLimit ? answer.error() : make_error_code(Errc::protocol);
  // What was asked for before another request has said that more has come may be gone by rights.
  if (answer->status == 404 && told_ <= from) session_->fail(make_error_code(Errc::no_route));
  const bool known = answer->status == 204 || (answer->status == 200 && answer->octets);
  if (!known) co_return make_error_code(answer->status == 404 ? Errc::no_route : Errc::protocol);
  succeeded();
  co_return answer->status;
}

asio::awaitable<Result<Note>> EdgeRequests::read_received(tunnel::H2Stream& request) {
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
  co_return *note;
}

}  // namespace surang::fronted
