#include "client/bridges/bridge_trouble.hpp"

namespace surang::client {

std::string bridge_trouble(const error_code& why) {
  // A bridge shows its cover site to whoever it does not know; that is all there is to see.
  if (why == Errc::certificate || why == Errc::proof_refused)
    return "does not accept the link: it may be withdrawn or expired, or this computer's clock is wrong";
  if (why == Errc::protocol) return "answers, but what stands there is not what its link or line says";
  if (why == Errc::timed_out) return "does not answer: silence";
  return "does not answer: " + why.message();
}

}  // namespace surang::client
