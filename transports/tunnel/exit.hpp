// What a bridge does with the requests of one user's session, whatever brought them: connects and relays,
// carries datagrams, answers questions. Each kind of session has a face before it that reads what is asked
// for (tunnel_acceptor). Used from one executor.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "transports/core/datagram_flow.hpp"
#include "transports/core/dialer.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tunnel/control.hpp"
#include "transports/tunnel/incoming.hpp"
#include "transports/tunnel/serve_limits.hpp"

namespace surang::tunnel {

class Exit {
 public:
  using IncomingPtr = std::unique_ptr<IncomingStream>;

  /// `control` answers what is asked about destinations, one question at a time, and `datagrams` opens flows;
  /// null: none is. All of them must outlive it.
  Exit(asio::any_io_executor executor, Dialer& egress, const ServeLimits& limits, ServeCounters& counters,
       Control* control, DatagramOpener* datagrams);

  bool takes_datagrams() const noexcept { return datagrams_ != nullptr; }
  bool takes_questions() const noexcept { return control_ != nullptr; }

  // Each drops its request, and counts that, where too much is under way already.

  /// Opens `to` by the egress, whose errors become the refusal, and relays.
  void connect(Endpoint to, IncomingPtr stream);
  /// What `to` is like from here; only where takes_questions().
  void question(Endpoint to, IncomingPtr stream);
  /// `near` makes the user's end of the flow of the granted stream; only where takes_datagrams().
  void datagrams(IncomingPtr stream, std::function<DatagramFlowPtr(IncomingPtr)> near);

  /// Awaits `session`, which brings the requests; when that has ended or was cancelled, so has all that was
  /// made of them.
  template <class T>
  asio::awaitable<T> end_with(asio::awaitable<T> session) {
    return tasks_.end_with(std::move(session));
  }

 private:
  bool admit();
  asio::awaitable<void> carry(Endpoint to, IncomingPtr stream, TaskGroup::Task task);
  asio::awaitable<void> tell(Endpoint to, IncomingPtr stream, TaskGroup::Task task);
  asio::awaitable<void> carry_datagrams(IncomingPtr stream, std::function<DatagramFlowPtr(IncomingPtr)> near);
  void refuse_question(IncomingStream& stream, error_code why);
  void refuse_flow(IncomingStream& stream);

  Dialer& egress_;
  const ServeLimits limits_;
  ServeCounters& counters_;
  Control* const control_;
  DatagramOpener* const datagrams_;
  bool asked_ = false;  // a question is being answered
  std::size_t flows_ = 0;
  TaskGroup tasks_;
};

}  // namespace surang::tunnel
