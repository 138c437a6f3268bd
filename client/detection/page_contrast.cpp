#include "client/detection/page_contrast.hpp"

namespace surang::client {

using State = FirstAnswer::State;

std::string page_mark(const FirstAnswer& answer) {
  if (answer.page) return answer.page->digest;
  return answer.signal == Signal::http_redirect ? "to " + answer.detail : std::string();
}

FirstAnswer weigh_page(FirstAnswer answer, const PageFacts& facts) {
  const bool redirect = answer.signal == Signal::http_redirect;
  if (answer.state != State::valid && !redirect) return answer;
  if (facts.way == Way::tunnel) {
    answer.state = State::valid;
    answer.signal = Signal::none;
  } else if (facts.standing == PageStanding::shared) {
    answer.state = State::doubtful;
    answer.signal = Signal::http_shared_page;
    if (answer.page) answer.detail = answer.page->title;
  } else if (facts.early && answer.page && facts.standing != PageStanding::harmless) {
    answer.state = State::doubtful;
    answer.signal = Signal::http_block_page;
    answer.detail = "sooner than the site could answer";
  }
  return answer;
}

}  // namespace surang::client
