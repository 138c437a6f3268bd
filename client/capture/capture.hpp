// Takes this machine's connections, and those of a household behind it, as if each program had been told of
// the proxy: kernel rules lead them to ports here. Owned by the App, which turns it on and off
// (capture_linux.cpp; elsewhere, capture_windows.cpp, there is none). README.md says what holds the rules.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <memory>
#include <string>
#include <vector>

#include "client/capture/own_names.hpp"
#include "client/session.hpp"
#include "config/client_options.hpp"
#include "transports/core/task_group.hpp"

namespace surang::client {

class Capture {
 public:
  /// `sessions`, `guard` and `own_names` must outlive this. To be made before any socket of the process is
  /// opened: those opened later are marked, and so told from captured ones.
  Capture(asio::any_io_executor executor, SessionContext& sessions, SelfGuard& guard,
          const OwnNames& own_names);
  ~Capture();  ///< the rules are taken away, should off() not have done so
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  /// Captures from now on, by `options`; where that is so already, by these instead. On failure nothing is
  /// captured, and `why` is one sentence for the person. errc::operation_not_permitted: this process lacks
  /// CAP_NET_ADMIN; errc::operation_not_supported: this system cannot.
  asio::awaitable<Result<void>> on(config::CaptureOptions options, std::string& why);
  bool is_on() const;
  /// Why nothing is captured though that was wanted; empty where there is nothing to tell.
  const std::string& trouble() const;
  const config::CaptureOptions& options() const;  ///< of the last on()
  /// The name servers that the client is to ask: the system's, but for a resolver of this computer, whose own
  /// questions are captured, those that it asks.
  std::vector<asio::ip::udp::endpoint> name_servers() const;
  /// Takes no more, ends what was taken, and then takes the rules away. Nothing of it runs afterwards.
  asio::awaitable<void> off();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Removes what a client that did not end well may have left of its capture. The rules themselves go with
/// their process. For the command line, without a client or, `stands_still`, with one that does not answer.
/// On failure `why` says it: errc::operation_not_permitted, or another client captures, whose it is.
Result<void> clean_up_capture(bool stands_still, std::string& why);

}  // namespace surang::client
