// Hears from the operating system that interfaces, addresses or routes have changed (rtnetlink,
// NotifyIpInterfaceChange). What has changed is not looked at: whoever is called reads the facts anew.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>

namespace surang::client {

class NetworkChanges {
 public:
  /// `changed` is called from `executor`, once for all that has happened since the last time. It is not
  /// called any more when this has been destroyed, which happens on the executor too.
  NetworkChanges(boost::asio::any_io_executor executor, std::function<void()> changed);
  ~NetworkChanges();
  NetworkChanges(const NetworkChanges&) = delete;
  NetworkChanges& operator=(const NetworkChanges&) = delete;

  /// False when the system does not tell: then somebody has to look.
  bool watching() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace surang::client
