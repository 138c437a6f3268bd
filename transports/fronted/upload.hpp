// Brings what a session's stream writes to the bridge: by POSTs of what is there, several side by side, or by
// a body that is kept open and fed, where the edge lets it through (PROTOCOL.md, fronted, Modes).
// edge_carrier runs one. upload.cpp shares the bytes out, upload_open.cpp feeds the open body.
#pragma once

#include <memory>

#include "transports/core/alarm.hpp"
#include "transports/core/task_group.hpp"
#include "transports/fronted/edge_requests.hpp"
#include "transports/fronted/open_body.hpp"

namespace surang::fronted {

class Upload {
 public:
  using RequestPtr = std::shared_ptr<tunnel::H2Stream>;

  /// All of them must outlive it; `tasks` is joined before it goes.
  Upload(asio::any_io_executor executor, EdgeRequests& requests, EdgeModes& modes,
         std::shared_ptr<Session> session, TaskGroup& tasks);
  ~Upload();

  /// Works until the direction has ended and all of it is under way, or the session is over.
  asio::awaitable<void> run();

  /// Tells the bridge what has come, so that it need not keep that, where it is much.
  void tell_received();

  /// A request's open body.
  struct Open {
    Open(asio::any_io_executor executor, EdgeModes& modes, Mode mode, std::uint64_t from);
    OpenBody body;
    RequestPtr request;
    std::uint64_t end;           ///< behind what it has claimed
    bool ending = false;         ///< claims no more
    bool broken = false;         ///< what it has claimed goes another way
    bool awaits_answer = false;  ///< stream_one: who reads it waits for more of it
    Alarm alarm;                 ///< `body` has something to be done
    EdgeModes::Time rings_at{};
  };
  using OpenPtr = std::shared_ptr<Open>;

  // For a two-way request, whose answer is the caller's.

  /// What is written from now on is for its body, which begins at the session's byte `body.from()`.
  OpenPtr begin_two_way() { return begin(Mode::stream_one); }
  void feed(const OpenPtr& open, RequestPtr request);
  void answer_began(const OpenPtr& open);
  /// Some more of it is here, and taken.
  void answer_brought(const OpenPtr& open) { open->body.brought(); }
  /// Ends the body in order, and makes sure of what it has brought.
  void end(const OpenPtr& open);
  /// When all tasks have ended: nothing rings any more.
  void stop();
  /// The request has failed, or could not be made.
  void lost(const OpenPtr& open, error_code why);

 private:
  // One of the requests that are counted, from before its beginning.
  struct UnderWay {
    explicit UnderWay(Upload& counts) : upload(counts) {}
    UnderWay(const UnderWay&) = delete;
    UnderWay& operator=(const UnderWay&) = delete;
    ~UnderWay() {
      --upload.under_way_;
      upload.changed_.notify();
    }
    Upload& upload;
  };

  asio::awaitable<void> watch_output();
  asio::awaitable<void> post(Note::Kind kind, std::uint64_t from, std::size_t size);
  asio::awaitable<void> tell();
  std::size_t claim(std::size_t most);
  bool may_open() const;

  OpenPtr begin(Mode mode);
  asio::awaitable<void> stream_up(OpenPtr open);
  asio::awaitable<void> stream_one(OpenPtr open);
  asio::awaitable<bool> fill(OpenPtr open);
  asio::awaitable<void> watch_answer(OpenPtr open);
  asio::awaitable<Result<void>> write_piece(OpenPtr open, std::uint64_t from, std::size_t size);
  asio::awaitable<void> ask_about(OpenPtr open);
  void look_after(const OpenPtr& open);
  void break_off(const OpenPtr& open, error_code why);
  void abandon(const OpenPtr& open, error_code why);
  void retire(const OpenPtr& open);

  asio::any_io_executor executor_;
  EdgeRequests& requests_;
  EdgeModes& modes_;
  const std::shared_ptr<Session> session_;
  TaskGroup& tasks_;
  Wakeup changed_;             // something of what follows, or of an open body; or there is more to send
  OpenPtr open_;               // claims what is written
  std::uint64_t claimed_ = 0;  // all before is some request's to bring
  EdgeModes::Time last_claim_{};
  std::size_t under_way_ = 0;
  bool telling_ = false;
};

}  // namespace surang::fronted
