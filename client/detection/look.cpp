#include "client/detection/look.hpp"

namespace surang::client {

asio::awaitable<Look> look_by(asio::any_io_executor executor, AttemptTools tools, RaceLimits limits, Way way,
                              Endpoint to, std::shared_ptr<const FirstFlight> flight) {
  std::vector<PlannedWay> plan{{way, StartWhen::at_once}};
  Race race(executor, std::move(tools), std::move(limits), std::move(plan), std::move(to), std::move(flight));
  Look look;
  look.attempt = race.begin();
  bool cancelled = false;
  try {
    look.works = !co_await race.wait_for_failure(look.attempt);
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted) throw;
    cancelled = true;
  }
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await race.close();
  co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
  if (cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  co_return look;
}

}  // namespace surang::client
