// The error of an asynchronous read as a synchronous one would tell it.
#pragma once

#include "transports/core/result.hpp"

namespace surang {

/// Windows completes overlapped operations with codes of its own (completion_error_windows.cpp); what judges
/// a failure compares with those of sockets.
error_code as_told_at_once(error_code completion) noexcept;

}  // namespace surang
