// What comes back to an HTTP request: block pages, short pages and redirects included.
#include <cstdlib>

#include "client/detection/page_contrast.hpp"

using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using State = FirstAnswer::State;
  static const auto known = std::make_shared<const BlockPages>(surang::config::shipped_block_pages());
  static const auto services = std::make_shared<const ServiceGroups>(surang::config::shipped_services());
  AnswerQuestion question;
  question.kind = FirstFlight::Kind::http;
  question.host = "www.site.example";
  question.block_pages = known;
  question.services = services;
  const std::span all(data, size);
  const auto whole = judge_first_answer(question, all, true);
  if (whole.state == State::need_more) std::abort();
  const auto part = judge_first_answer(question, all, false);
  for (const auto& answer : {whole, part}) {
    if (answer.page && (answer.page->digest.size() != 64 || answer.page->title.size() > 200)) std::abort();
    if (answer.page && answer.open_ended) std::abort();
    if (answer.page && !alike(*answer.page, *answer.page)) std::abort();
    const auto early = weigh_page(answer, {Way::direct, PageStanding::alone, true});
    if (answer.state == State::valid && answer.page && early.state != State::doubtful) std::abort();
    if (answer.state == State::invalid &&
        weigh_page(answer, {Way::tunnel, PageStanding::alone, false}).state != State::invalid)
      std::abort();
  }
  return 0;
}
