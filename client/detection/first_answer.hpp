// Judges the first bytes that came back: do they answer this first flight, or did something else speak?
// Pure. Every byte here is a stranger's (RFC 8446 4.1.3, RFC 9112).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/detection/block_pages.hpp"
#include "client/detection/service_groups.hpp"
#include "client/detection/short_page.hpp"
#include "client/detection/signals.hpp"

namespace surang::client {

struct FirstAnswer {
  enum class State {
    need_more,
    valid,     ///< answers the flight
    doubtful,  ///< could be the site's own answer or a censor's: an alert, a block page, a foreign redirect
    invalid,   ///< no answer to the flight at all
  };
  State state = State::need_more;
  Signal signal = Signal::none;   ///< for doubtful and invalid
  std::string detail;             ///< the alert's number, the status and the place of a redirect
  std::optional<ShortPage> page;  ///< where the answer is a whole short page
  bool open_ended = false;        ///< it would be one if the connection ended here
};

/// The most bytes looked at: what is still undecided then is no ServerHello, and no block page.
inline constexpr std::size_t kMaxFirstAnswer = 16 * 1024;

/// What a flight needs of its answer.
struct AnswerQuestion {
  FirstFlight::Kind kind = FirstFlight::Kind::none;
  std::vector<std::uint8_t> session_id;           ///< of the ClientHello: TLS 1.3 echoes it
  std::string host;                               ///< asked for, to tell foreign redirects
  bool head_only = false;                         ///< a HEAD request: no body will come
  std::shared_ptr<const BlockPages> block_pages;  ///< null: none are known
  std::shared_ptr<const ServiceGroups> services;  ///< may redirect within themselves; null: none are known
};
AnswerQuestion question_of(const FirstFlight& flight);

/// `ended`: nothing more will come.
FirstAnswer judge_first_answer(const AnswerQuestion& question, std::span<const std::uint8_t> bytes,
                               bool ended);

}  // namespace surang::client
