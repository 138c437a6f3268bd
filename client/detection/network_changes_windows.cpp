// clang-format off: winsock2.h must come before the others
#include <iphlpapi.h>
#include <netioapi.h>
#include <winsock2.h>
#include <ws2ipdef.h>
// clang-format on

#include <atomic>
#include <boost/asio/post.hpp>

#include "client/detection/network_changes.hpp"

namespace surang::client {

namespace asio = boost::asio;

struct NetworkChanges::State : std::enable_shared_from_this<State> {
  State(asio::any_io_executor e, std::function<void()> call)
      : executor(std::move(e)), changed(std::move(call)) {}

  // On a thread of the system. Nothing of this object but `posted` and `executor` is touched there.
  void heard() {
    if (posted.exchange(true)) return;
    asio::post(executor, [self = shared_from_this()] {
      self->posted = false;
      if (self->changed) self->changed();
    });
  }

  static void NETIOAPI_API_ on_interface(PVOID state, PMIB_IPINTERFACE_ROW, MIB_NOTIFICATION_TYPE) {
    static_cast<State*>(state)->heard();
  }
  static void NETIOAPI_API_ on_route(PVOID state, PMIB_IPFORWARD_ROW2, MIB_NOTIFICATION_TYPE) {
    static_cast<State*>(state)->heard();
  }

  const asio::any_io_executor executor;
  std::function<void()> changed;
  std::atomic<bool> posted{false};
  HANDLE interfaces = nullptr, routes = nullptr;
};

NetworkChanges::NetworkChanges(asio::any_io_executor executor, std::function<void()> changed)
    : state_(std::make_shared<State>(std::move(executor), std::move(changed))) {
  auto& s = *state_;
  if (NotifyIpInterfaceChange(AF_UNSPEC, &State::on_interface, &s, FALSE, &s.interfaces) != NO_ERROR)
    s.interfaces = nullptr;
  if (NotifyRouteChange2(AF_UNSPEC, &State::on_route, &s, FALSE, &s.routes) != NO_ERROR) s.routes = nullptr;
}

NetworkChanges::~NetworkChanges() {
  // Waits for a call under way, so that the state outlives them all.
  if (state_->interfaces) CancelMibChangeNotify2(state_->interfaces);
  if (state_->routes) CancelMibChangeNotify2(state_->routes);
  state_->changed = nullptr;
}

bool NetworkChanges::watching() const noexcept {
  return state_->interfaces && state_->routes;
}

}  // namespace surang::client
