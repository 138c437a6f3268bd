// What comes back to an HTTP request, block pages and redirects included.
#include <cstdlib>

#include "client/detection/first_answer.hpp"

using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  AnswerQuestion question;
  question.kind = FirstFlight::Kind::http;
  question.host = "www.site.example";
  const std::span all(data, size);
  if (judge_first_answer(question, all, true).state == FirstAnswer::State::need_more) std::abort();
  (void)judge_first_answer(question, all, false);
  return 0;
}
