#include "transports/tcp/completion_error.hpp"

namespace surang {

error_code as_told_at_once(error_code completion) noexcept {
  return completion;
}

}  // namespace surang
