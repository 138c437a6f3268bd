#include <winsock2.h>

#include <boost/asio/error.hpp>

#include "transports/tcp/completion_error.hpp"

namespace surang {

namespace asio = boost::asio;

error_code as_told_at_once(error_code completion) noexcept {
  if (completion.category() != asio::error::get_system_category()) return completion;
  switch (completion.value()) {
    case ERROR_CONNECTION_ABORTED:
      return asio::error::connection_aborted;
    case ERROR_SEM_TIMEOUT:
      return asio::error::timed_out;
    case ERROR_HOST_UNREACHABLE:
      return asio::error::host_unreachable;
    case ERROR_NETWORK_UNREACHABLE:
      return asio::error::network_unreachable;
    default:
      return completion;
  }
}

}  // namespace surang
