#include "transports/tunnel/exit.hpp"

#include <boost/asio/buffer.hpp>

#include "transports/core/datagram_relay.hpp"
#include "transports/core/relay.hpp"

namespace surang::tunnel {

Exit::Exit(asio::any_io_executor executor, Dialer& egress, const ServeLimits& limits, ServeCounters& counters,
           Control* control, DatagramOpener* datagrams)
    : egress_(egress),
      limits_(limits),
      counters_(counters),
      control_(control),
      datagrams_(datagrams),
      tasks_(std::move(executor)) {}

// A stream that is reset ends here only when its egress has unwound; so this bounds what resets can start.
bool Exit::admit() {
  if (tasks_.size() < 2 * std::size_t{limits_.max_streams}) return true;
  ++counters_.refused_streams;
  return false;
}

void Exit::connect(Endpoint to, IncomingPtr stream) {
  if (!admit()) return;
  ++counters_.streams;
  tasks_.spawn([&](TaskGroup::Task task) { return carry(std::move(to), std::move(stream), task); });
}

asio::awaitable<void> Exit::carry(Endpoint to, IncomingPtr stream, TaskGroup::Task task) {
  stream->when_broken([task] { task.cancel(); });  // the client gave up
  auto dialled = co_await egress_.dial(std::move(to));
  stream->when_broken({});
  if (!dialled) {
    ++counters_.refused_destination;
    co_return stream->refuse_with(dialled.error());
  }
  const auto far = std::move(*dialled);
  stream->grant(IncomingStream::Grant::connection);
  RelayOptions options;
  options.idle_limit = limits_.stream_idle_limit;
  co_await relay(*stream, *far, options);
}

void Exit::question(Endpoint to, IncomingPtr stream) {
  if (!admit()) return;
  if (std::exchange(asked_, true)) return refuse_question(*stream, Errc::limit);
  tasks_.spawn([&](TaskGroup::Task task) { return tell(std::move(to), std::move(stream), task); });
}

void Exit::refuse_question(IncomingStream& stream, error_code why) {
  ++counters_.refused_questions;
  stream.refuse_with(why);
}

asio::awaitable<void> Exit::tell(Endpoint to, IncomingPtr stream, TaskGroup::Task task) {
  struct Done {
    bool& asked;
    ~Done() { asked = false; }
  } const done{asked_};
  stream->when_broken([task] { task.cancel(); });  // the client gave up
  const auto seen = co_await control_->reach(std::move(to));
  stream->when_broken({});
  if (!seen) co_return refuse_question(*stream, seen.error());
  ++counters_.questions;
  const auto text = to_text(*seen);
  stream->grant(IncomingStream::Grant::answer);
  const auto said = co_await stream->write_all(asio::buffer(text));
  if (said) (void)co_await stream->shutdown_write();
}

void Exit::datagrams(IncomingPtr stream, std::function<DatagramFlowPtr(IncomingPtr)> near) {
  if (!admit()) return;
  if (flows_ >= limits_.max_flows) return refuse_flow(*stream);
  ++flows_;
  tasks_.spawn(carry_datagrams(std::move(stream), std::move(near)));
}

void Exit::refuse_flow(IncomingStream& stream) {
  ++counters_.refused_flows;
  stream.refuse_with(Errc::limit);
}

asio::awaitable<void> Exit::carry_datagrams(IncomingPtr stream,
                                            std::function<DatagramFlowPtr(IncomingPtr)> near) {
  struct Done {
    std::size_t& flows;
    ~Done() { --flows; }
  } const done{flows_};
  auto opened = co_await datagrams_->open();
  if (!opened) co_return refuse_flow(*stream);
  ++counters_.flows;
  const auto far = std::move(*opened);
  stream->grant(IncomingStream::Grant::datagrams);
  const auto ours = near(std::move(stream));
  co_await relay_datagrams(*ours, *far, limits_.flow_idle_limit);
}

}  // namespace surang::tunnel
