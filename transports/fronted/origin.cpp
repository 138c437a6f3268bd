#include "transports/fronted/origin.hpp"

#include <sodium.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <ctime>
#include <utility>

#include "transports/core/buffer.hpp"
#include "transports/core/timeout.hpp"

namespace surang::fronted {
namespace {

using Clock = std::chrono::steady_clock;
using Kind = Note::Kind;

constexpr std::size_t kMostNames = 200000;  // in one period
constexpr std::uint32_t kMostAnswerPadding = 400;
constexpr unsigned kTurnsBeforeYield = 16;

// No edge may keep an answer, or hold back the part of one.
const Fields& fields() {
  static const Fields all{{"Content-Type", "application/octet-stream"},
                          {"Cache-Control", "no-store"},
                          {"X-Accel-Buffering", "no"}};
  return all;
}

const Fields& page_fields() {
  static const Fields all{{"Content-Type", "text/html"}};
  return all;
}

constexpr std::string_view kNotFound =
    "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n"
    "<center><h1>404 Not Found</h1></center>\r\n</body>\r\n</html>\r\n";
constexpr std::string_view kUnavailable =
    "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
    "<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>\r\n";

asio::awaitable<void> tell(Exchange& exchange, int status, std::string_view body) {
  const auto begun = co_await exchange.answer(status, status >= 400 ? page_fields() : fields(), body.size());
  if (!begun) co_return;
  const auto said = co_await exchange.write_body(asio::buffer(body));
  if (said) (void)co_await exchange.finish();
}

}  // namespace

struct Origin::Entry {
  Entry(asio::any_io_executor executor, const SessionLimits& limits, const UserId& whose,
        const SessionName& called)
      : session(std::make_shared<Session>(executor, limits)), user(whose), name(called), alarm(executor) {}
  const std::shared_ptr<Session> session;
  const UserId user;
  const SessionName name;
  Alarm alarm;  // no request has come for long
  std::size_t exchanges = 0;
  std::function<void()> end_answer;  // the one that carries the stream down now
  std::uint64_t answers = 0;         // its number
  bool forgotten = false;
};

Origin::Origin(asio::any_io_executor executor, const std::array<std::uint8_t, 32>& bridge_key,
               const UserDirectory& users, OriginLimits limits, OriginCounters& counters, Begin begin)
    : executor_(std::move(executor)),
      bridge_key_(bridge_key),
      users_(users),
      limits_(limits),
      counters_(counters),
      begin_(std::move(begin)),
      tasks_(executor_) {}

Origin::~Origin() {
  stop();
}

void Origin::stop() {
  drain();
  tasks_.cancel();
  const auto all = sessions_;  // a failure may take one out
  for (const auto& [name, entry] : all) {
    entry->alarm.cancel();
    entry->session->fail(make_error_code(Errc::closed));
  }
}

std::optional<Origin::Asked> Origin::read(const RequestHead& head) const {
  const bool get = head.method == "GET";
  if (!get && head.method != "POST") return std::nullopt;
  const auto path = parse_request_path(head.target);
  if (!path) return std::nullopt;
  const auto user = users_.find(user_of(path->session, bridge_key_));
  if (!user) return std::nullopt;
  const UserNames names(*user);
  if (path->place != names.place) return std::nullopt;
  const auto note = open_note(names.note_key, path->session, path->note);
  if (!note || note->kind == Kind::received || (note->kind == Kind::down) != get) return std::nullopt;
  return Asked{*user, names.note_key, path->session, *note};
}

Origin::EntryPtr Origin::find_or_begin(const Asked& asked, const asio::ip::address& from) {
  const auto found = sessions_.find(asked.name);
  if (found == sessions_.end()) return begin(asked, from);
  if (found->second->exchanges < limits_.exchanges_per_session) return found->second;
  ++counters_.limited;
  return nullptr;
}

Origin::EntryPtr Origin::begin(const Asked& asked, const asio::ip::address& from) {
  const auto& note = asked.note;
  const auto late = std::abs(std::time(nullptr) - note.time) > limits_.clock_error.count();
  const bool known = used_up_[0].contains(asked.name) || used_up_[1].contains(asked.name);
  if (draining_ || note.kind == Kind::abandon || note.up != 0 || note.down != 0 || late || known) {
    ++counters_.lost;
    return nullptr;
  }
  auto& of_user = of_user_[asked.user.id];
  if (sessions_.size() >= limits_.sessions || of_user >= limits_.sessions_per_user) {
    ++counters_.limited;
    if (of_user == 0) of_user_.erase(asked.user.id);
    return nullptr;
  }
  ++of_user;
  ++counters_.sessions;
  auto entry = std::make_shared<Entry>(executor_, limits_.session, asked.user.id, asked.name);
  sessions_.emplace(asked.name, entry);
  tasks_.spawn(run(entry, make_stream(entry->session), asked.user, from));
  return entry;
}

asio::awaitable<void> Origin::run(EntryPtr entry, StreamPtr stream, UserKey user, asio::ip::address from) {
  co_await begin_(std::move(stream), user, entry->name, from);
  if (entry->exchanges == 0) let_rest(entry);
}

// What has ended in order is kept as well until the client takes its leave: an answer may have been lost, and
// who asks again must not be told that nothing is here.
void Origin::let_rest(const EntryPtr& entry) {
  if (entry->forgotten) return;
  if (entry->session->failure()) return forget(entry);
  entry->alarm.set(limits_.abandoned, [this, weak = std::weak_ptr(entry)] {
    const auto silent = weak.lock();
    silent->session->fail(make_error_code(Errc::timed_out));
    forget(silent);
  });
}

void Origin::forget(const EntryPtr& entry) {
  if (std::exchange(entry->forgotten, true)) return;
  entry->alarm.cancel();
  sessions_.erase(entry->name);
  if (const auto count = of_user_.find(entry->user); count != of_user_.end() && --count->second == 0)
    of_user_.erase(count);
  if (Clock::now() - period_ >= 2 * limits_.clock_error || used_up_[0].size() >= kMostNames) {
    period_ = Clock::now();
    used_up_[1] = std::exchange(used_up_[0], {});
  }
  used_up_[0].insert(entry->name);
}

// Whatever the reason is.
asio::awaitable<void> Origin::nothing_here(Exchange& exchange) {
  return tell(exchange, draining_ ? 503 : 404, draining_ ? kUnavailable : kNotFound);
}

asio::awaitable<void> Origin::serve(Exchange& exchange, Caller caller) {
  const auto asked = read(exchange.head());
  if (!asked) ++counters_.strangers;
  if (asked && caller.known) caller.known();
  const auto entry = asked ? find_or_begin(*asked, caller.address) : nullptr;
  if (!entry) co_return co_await nothing_here(exchange);
  struct Leave {
    Origin& origin;
    EntryPtr entry;
    ~Leave() {
      if (--entry->exchanges == 0) origin.let_rest(entry);
    }
  };
  ++(asked->note.kind == Kind::down ? counters_.gets : counters_.posts);
  if (asked->note.kind == Kind::both) ++counters_.two_way;
  ++entry->exchanges;
  entry->alarm.cancel();
  const Leave leave{*this, entry};
  co_await carry(exchange, *asked, entry);
}

asio::awaitable<void> Origin::carry(Exchange& exchange, Asked asked, EntryPtr entry) {
  auto& session = *entry->session;
  const auto& note = asked.note;
  if (session.failure() || !session.acknowledge(note.down)) co_return co_await nothing_here(exchange);
  const bool gives = note.kind == Kind::down || note.kind == Kind::both;
  const bool ended = session.output_end() == note.down;
  if (gives && note.down < session.acknowledged()) co_return co_await nothing_here(exchange);
  if (note.kind == Kind::abandon) session.fail(make_error_code(Errc::closed));
  // An edge may have dropped the answer before without a word to us.
  if (gives)
    if (const auto end_answer = std::exchange(entry->end_answer, {})) end_answer();
  bool whole = note.kind == Kind::abandon;
  TaskGroup both(executor_);
  Alarm limit(executor_);
  limit.set(2 * limits_.answer_age, [&both] { both.cancel(); });
  if (gives && ended)
    both.spawn(tell(exchange, 204, {}));
  else if (gives)
    both.spawn([&](TaskGroup::Task task) {
      entry->end_answer = [task] { task.cancel(); };
      return give_or_cut(exchange, note.down, entry, both);
    });
  if (note.kind != Kind::down && note.kind != Kind::abandon) both.spawn(take(exchange, asked, entry, whole));
  co_await both.join_or_cancel();
  if (gives || !whole) co_return;
  Note answer;
  answer.kind = Kind::received;
  answer.time = std::time(nullptr);
  answer.up = session.received();
  answer.down = session.written();
  const auto sealed = seal_note(asked.note_key, asked.name, answer, randombytes_uniform(kMostAnswerPadding));
  const std::string_view body(reinterpret_cast<const char*>(sealed.data()), sealed.size());
  co_await tell(exchange, 200, body);
}

// The body is what was written from note.up on; `whole` once all of it has been taken.
asio::awaitable<void> Origin::take(Exchange& exchange, Asked asked, EntryPtr entry, bool& whole) {
  auto& session = *entry->session;
  auto at = asked.note.up;
  for (unsigned turns = 1;; ++turns) {
    {
      ScratchBuffer block;
      const auto n = exchange.try_read_body(block.all());
      if (n && *n == 0) break;
      if (n) {
        const auto taken = co_await session.deliver(at, {block.data(), *n});
        if (!taken) co_return session.fail(taken.error());
        at += *n;
      } else if (n.error() != Errc::would_block) {
        co_return;  // cut: what is missing will be said again
      } else {
        turns = 0;
      }
    }
    if (turns == 0) {
      const auto more = co_await exchange.wait_body();
      if (!more) co_return;
    } else if (turns == kTurnsBeforeYield) {
      turns = 0;
      co_await asio::post(executor_, asio::use_awaitable);
    }
  }
  if (asked.note.kind == Kind::up_last) {
    const auto ended = session.deliver_end(at);
    if (!ended) co_return session.fail(ended.error());
  }
  whole = true;
}

// An edge shows that an answer is cut only when nobody works with its exchange any more: who still takes the
// body ends, too.
asio::awaitable<void> Origin::give_or_cut(Exchange& exchange, std::uint64_t from, EntryPtr entry,
                                          TaskGroup& exchange_tasks) {
  bool whole = false;
  try {
    whole = co_await give(exchange, from, entry, ++entry->answers);
  } catch (const boost::system::system_error&) {
    whole = false;  // cancelled: another request gives
  }
  if (!whole) exchange_tasks.cancel();
}

// The answer's body is what the stream writes from `from` on, as it comes; whether it was given to its end.
asio::awaitable<bool> Origin::give(Exchange& exchange, std::uint64_t from, EntryPtr entry,
                                   std::uint64_t number) {
  struct Done {
    Entry& entry;
    std::uint64_t number;
    ~Done() {
      if (entry.answers == number) entry.end_answer = {};
    }
  };
  const Done done{*entry, number};
  auto& session = *entry->session;
  const auto begun = co_await exchange.answer(200, fields(), std::nullopt);
  if (!begun) co_return false;
  const auto until = Clock::now() + limits_.answer_age;
  const auto last = from + limits_.answer_bytes;
  while (from < last && session.output_end() != from) {
    if (session.written() <= from) {
      const auto more = co_await with_timeout(until - Clock::now(), session.wait_output(from));
      if (more.has_error() && more.error() == Errc::timed_out) break;
      if (!more) co_return false;
      continue;
    }
    if (Clock::now() >= until) break;
    BodyBlock block;
    const auto room = block.room();
    const auto n = session.copy_output(
        from, room.first(static_cast<std::size_t>(std::min<std::uint64_t>(room.size(), last - from))));
    if (!n) co_return false;  // acknowledged: somebody else has brought it there
    const auto said = co_await exchange.write_block(block, *n);
    if (!said) co_return false;
    from += *n;
  }
  const auto finished = co_await exchange.finish();
  co_return finished.has_value();
}

}  // namespace surang::fronted
