// Expected failures as values: Result<T> and the error codes that belong to the transports.
// Failures of the operating system keep their own error_code (std errno, asio), so that the
// detection can tell a reset from a refusal.
#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace surang {

template <class T>
using Result = boost::system::result<T>;
using boost::system::error_code;

enum class Errc {
  would_block = 1,  // nothing to read now; wait_readable() first
  closed,           // this end closed it
  timed_out,        // an operation of ours passed its time limit
  protocol,         // the peer broke the protocol
  truncated,        // ended in the middle of something
  limit,            // a configured bound was reached
  proof_refused,    // the peer did not prove what it had to
  certificate,      // a certificate did not verify
  name_not_found,   // the name resolves to nothing
  no_route,         // nothing to carry it: no bridge, or none works here
  unprocessed,      // the same, and the peer says that it has done nothing with it
  bad_input,        // a text from a person or a file does not parse
  // What a bridge reports about the destination (RFC 9209 Proxy-Status).
  destination_not_found,
  destination_refused,
  destination_unreachable,
  destination_timed_out,
  destination_denied,
};

const boost::system::error_category& surang_category() noexcept;
error_code make_error_code(Errc e) noexcept;

}  // namespace surang

template <>
struct boost::system::is_error_code_enum<surang::Errc> : std::true_type {};
