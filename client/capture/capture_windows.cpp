#include "client/capture/capture.hpp"
#include "client/dns/name_servers.hpp"

namespace surang::client {

struct Capture::Impl {
  std::string trouble;
  config::CaptureOptions options;
};

Capture::Capture(asio::any_io_executor, SessionContext&, SelfGuard&, const OwnNames&)
    : impl_(std::make_shared<Impl>()) {}
Capture::~Capture() = default;

asio::awaitable<Result<void>> Capture::on(config::CaptureOptions, std::string& why) {
  why = impl_->trouble = "capturing the whole computer works on Linux only";
  co_return make_error_code(boost::system::errc::operation_not_supported);
}

bool Capture::is_on() const {
  return false;
}

const config::CaptureOptions& Capture::options() const {
  return impl_->options;
}

const std::string& Capture::trouble() const {
  return impl_->trouble;
}

std::vector<asio::ip::udp::endpoint> Capture::name_servers() const {
  return system_name_servers();
}

asio::awaitable<void> Capture::off() {
  co_return;
}

Result<void> clean_up_capture(bool, std::string&) {
  return {};
}

}  // namespace surang::client
