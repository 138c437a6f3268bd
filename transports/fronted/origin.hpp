// The bridge's end of fronted: requests that edges hand on become sessions of users; to everybody else this
// is a web server that has nothing at that path (PROTOCOL.md, fronted, Bridge). Used from one executor.
#pragma once

#include <atomic>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "transports/core/alarm.hpp"
#include "transports/core/task_group.hpp"
#include "transports/fronted/exchange.hpp"
#include "transports/fronted/request_path.hpp"
#include "transports/fronted/session.hpp"

namespace surang::fronted {

struct OriginLimits {
  /// An answer takes what there is at once, and what waits before it makes everything else wait behind it.
  SessionLimits session{.unsent = 256 * 1024};
  std::size_t sessions = 4096, sessions_per_user = 64, exchanges_per_session = 32;
  std::chrono::seconds clock_error{600};  ///< between a client that begins a session, and us
  std::chrono::seconds abandoned{60};     ///< a session without any request
  std::chrono::seconds answer_age{240};   ///< edges end what is older
  std::uint64_t answer_bytes = 64 << 20;  ///< and what is larger: 100 MB where it is least
};

struct OriginCounters {
  std::atomic<std::uint64_t> sessions{0};  ///< begun, of all time
  std::atomic<std::uint64_t> gets{0}, posts{0},
      two_way{0};                           ///< requests of theirs; two_way are POSTs as well
  std::atomic<std::uint64_t> strangers{0};  ///< requests that are none of a user's
  std::atomic<std::uint64_t> lost{0};       ///< for a session that is not here, or no more
  std::atomic<std::uint64_t> limited{0};    ///< over a limit
};

/// Who says a request, as far as that is known before it is read.
struct Caller {
  asio::ip::address address;
  std::function<void()> known;  ///< called when the request turns out to be a user's; may be empty
};

class Origin {
 public:
  /// A session has begun: its stream, whom it is named after, its name, and where from. What it returns runs
  /// as a task of the origin's until the session has ended.
  using Begin = std::function<asio::awaitable<void>(StreamPtr, UserKey, SessionName, asio::ip::address)>;

  /// `users` and `counters` must outlive it.
  Origin(asio::any_io_executor executor, const std::array<std::uint8_t, 32>& bridge_key,
         const UserDirectory& users, OriginLimits limits, OriginCounters& counters, Begin begin);
  ~Origin();  ///< as stop(); nothing may be served then

  /// Deals with one request to its end.
  asio::awaitable<void> serve(Exchange& exchange, Caller caller = {});

  /// No session begins from now on; whoever asks for what is not here gets 503, so that an edge which has
  /// another bridge asks that one.
  void drain() noexcept { draining_ = true; }

  /// Drains and breaks all sessions; nothing of it waits for anything any more.
  void stop();

  std::size_t sessions() const noexcept { return sessions_.size(); }

 private:
  struct Entry;
  using EntryPtr = std::shared_ptr<Entry>;
  struct Asked {
    UserKey user;
    NoteKey note_key;
    SessionName name;
    Note note;
  };

  std::optional<Asked> read(const RequestHead& head) const;
  EntryPtr find_or_begin(const Asked& asked, const asio::ip::address& from);
  EntryPtr begin(const Asked& asked, const asio::ip::address& from);
  asio::awaitable<void> run(EntryPtr entry, StreamPtr stream, UserKey user, asio::ip::address from);
  asio::awaitable<void> nothing_here(Exchange& exchange);
  asio::awaitable<void> carry(Exchange& exchange, Asked asked, EntryPtr entry);
  asio::awaitable<void> take(Exchange& exchange, Asked asked, EntryPtr entry, bool& whole);
  asio::awaitable<void> give_or_cut(Exchange& exchange, std::uint64_t from, EntryPtr entry,
                                    TaskGroup& exchange_tasks);
  asio::awaitable<bool> give(Exchange& exchange, std::uint64_t from, EntryPtr entry, std::uint64_t number);
  void let_rest(const EntryPtr& entry);
  void forget(const EntryPtr& entry);

  asio::any_io_executor executor_;
  const std::array<std::uint8_t, 32> bridge_key_;
  const UserDirectory& users_;
  const OriginLimits limits_;
  OriginCounters& counters_;
  const Begin begin_;
  std::map<SessionName, EntryPtr> sessions_;
  std::map<UserId, std::size_t> of_user_;
  // Names that are over, since what began them may be said again: those of this period and of the last.
  std::array<std::set<SessionName>, 2> used_up_;
  std::chrono::steady_clock::time_point period_{};
  bool draining_ = false;
  TaskGroup tasks_;
};

}  // namespace surang::fronted
