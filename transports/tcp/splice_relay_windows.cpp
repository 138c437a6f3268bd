// Windows has no splice: the relay copies. borrow() gives nothing, so nothing else is ever called.
#include <boost/asio/error.hpp>

#include "transports/tcp/splice_relay.hpp"

namespace surang {

std::optional<SplicePipe> SplicePipe::borrow() {
  return std::nullopt;
}

SplicePipe::~SplicePipe() = default;

SplicePipe::SplicePipe(SplicePipe&& other) noexcept = default;

Result<std::size_t> SplicePipe::fill(int) {
  return error_code(boost::asio::error::operation_not_supported);
}

Result<std::size_t> SplicePipe::drain(int) {
  return error_code(boost::asio::error::operation_not_supported);
}

}  // namespace surang
