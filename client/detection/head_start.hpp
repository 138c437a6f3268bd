// A direct connection begun as soon as its destination is known, while the browser still makes its first
// flight. It saves that time; it judges nothing and gives no evidence but that of its connects.
#pragma once

#include <memory>
#include <optional>

#include "client/detection/network_id.hpp"
#include "client/dns/names.hpp"
#include "transports/core/endpoint.hpp"
#include "transports/core/stream.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tcp/tcp_dialer.hpp"

namespace surang::client {

struct AttemptTools;

class HeadStart {
 public:
  /// Looks up the name in `to` and connects, as a task of `tasks`, during `stay`. `owner` holds what `tools`
  /// points at.
  HeadStart(TaskGroup& tasks, std::shared_ptr<void> owner, const AttemptTools& tools, Endpoint to, Stay stay);
  /// Ends it, and the connection if nobody took that.
  ~HeadStart();
  HeadStart(const HeadStart&) = delete;
  HeadStart& operator=(const HeadStart&) = delete;

  struct Taken {
    Result<StreamPtr> opened;
    Clock::time_point since;  ///< when it was
  };
  /// What becomes of the connection to `addresses`, awaited, and its evidence in `connects`. Nothing when it
  /// leads to other addresses, has failed before, or is so old that the site may not wait any longer. To be
  /// asked once.
  asio::awaitable<std::optional<Taken>> take(std::vector<asio::ip::address> addresses,
                                             std::vector<ConnectAttempt>& connects);

  Stay stay() const noexcept;

 private:
  struct State;
  static asio::awaitable<void> run(std::shared_ptr<State> state, TaskGroup::Task task);

  std::shared_ptr<State> state_;
};

}  // namespace surang::client
