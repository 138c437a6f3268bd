// What comes back to a ClientHello: a verdict once given does not change with what follows.
#include <cstdlib>

#include "client/detection/first_answer.hpp"

using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  AnswerQuestion question;
  question.kind = FirstFlight::Kind::tls;
  question.host = "x.example";
  question.session_id = {1, 2, 3};
  const std::span all(data, size);
  const auto whole = judge_first_answer(question, all, false);
  const bool decided = whole.state != FirstAnswer::State::need_more;
  if (judge_first_answer(question, all, true).state == FirstAnswer::State::need_more) std::abort();
  if (!decided && size >= kMaxFirstAnswer) std::abort();
  for (std::size_t n = 0; n < size; n += 1 + n / 8) {
    const auto part = judge_first_answer(question, all.first(n), false);
    if (part.state == FirstAnswer::State::need_more) continue;
    if (!decided || part.state != whole.state || part.signal != whole.signal || part.detail != whole.detail)
      std::abort();
  }
  return 0;
}
