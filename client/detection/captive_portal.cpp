#include "client/detection/captive_portal.hpp"

#include <algorithm>

#include "client/inbound/http_message.hpp"

namespace surang::client {
namespace {

using namespace std::chrono_literals;

// While somebody is at the sign-in page, and later when nobody seems to be.
constexpr Clock::duration kFirstPause = 2s, kLongestPause = 30s;
// A network just joined may not carry anything yet: one more question.
constexpr auto kOnceMore = 5s;
constexpr int kUnansweredIsNone = 2;
constexpr std::size_t kReachedIsNone = 3;
constexpr std::size_t kBlockPage = 4096;

}  // namespace

PortalAnswer judge_portal_answer(const BlockPages& known, std::string_view bytes, bool ended) {
  bytes = bytes.substr(0, kMaxPortalAnswer);
  ended |= bytes.size() == kMaxPortalAnswer;
  std::string rest(bytes);
  HttpResponseReader reader;
  if (!reader.read_head(rest)) return PortalAnswer::nothing;
  if (!reader.head_done()) return ended ? PortalAnswer::nothing : PortalAnswer::need_more;
  const auto& head = reader.head();
  if (head.status == 204) return rest.empty() ? PortalAnswer::clean : PortalAnswer::nothing;
  const bool redirect = head.status >= 300 && head.status < 400 && !head.field("location").empty();
  if (redirect && known.knows_place(head.field("location"))) return PortalAnswer::nothing;
  if (redirect || head.status == 511) return PortalAnswer::portal;
  // Proxies answer for the connection check with an empty 200; nobody signs in on an empty page.
  if (head.status != 200 || head.content_length == 0U) return PortalAnswer::nothing;
  const auto wanted = std::min<std::uint64_t>(kBlockPage, head.content_length.value_or(kBlockPage));
  if (!ended && rest.size() < wanted) return PortalAnswer::need_more;
  if (rest.empty()) return PortalAnswer::nothing;
  const auto head_text = bytes.substr(0, bytes.size() - rest.size());
  return known.knows_page(head_text, rest) ? PortalAnswer::nothing : PortalAnswer::portal;
}

void CaptivePortal::settle(State state) {
  state_ = state;
  due_.reset();
}

void CaptivePortal::arrived(Clock::time_point now) {
  ++round_;
  asking_ = false;
  unanswered_ = 0;
  pause_ = kFirstPause;
  reached_.clear();
  settle(asks_ ? State::unknown : State::clean);
  if (asks_) due_ = now;
}

unsigned CaptivePortal::asked(Clock::time_point now) {
  asking_ = true;
  asked_at_ = now;
  due_.reset();
  return round_;
}

bool CaptivePortal::answered(unsigned number, PortalAnswer answer, Clock::time_point now) {
  if (number != round_) return false;
  asking_ = false;
  unanswered_ = answer == PortalAnswer::nothing ? unanswered_ + 1 : 0;
  if (answer == PortalAnswer::portal && reached_.size() < kReachedIsNone) {
    settle(State::captive);
  } else if (answer != PortalAnswer::nothing) {
    settle(State::clean);
    return true;
  } else if (!captive()) {
    settle(State::clean);
    if (unanswered_ < kUnansweredIsNone) due_ = now + kOnceMore;
    return true;
  } else if (unanswered_ >= kUnansweredIsNone) {
    settle(State::clean);
    return true;
  }
  due_ = now + pause_;
  pause_ = std::min(pause_ * 3 / 2, kLongestPause);
  return true;
}

void CaptivePortal::reached(const std::string& domain, Clock::time_point now) {
  if (!captive()) return;
  const bool news = reached_.insert(domain).second;
  if (news && !asking_) due_ = now;
}

void CaptivePortal::hinted(Clock::time_point now) {
  if (captive() && due_) due_ = std::min(*due_, std::max(now, asked_at_ + kFirstPause));
}

void CaptivePortal::reached_asked(unsigned number) {
  if (number == round_ && captive()) settle(State::clean);
}

}  // namespace surang::client
