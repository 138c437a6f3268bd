// Whether this network wants people to sign in first (a captive portal, RFC 8952): judges the answer to a
// plain request that ought to be a bare 204, and knows when to ask. The Router asks it (portal_probe does the
// talking) and lets nothing be learnt until it is clear. Pure, with given times.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "client/detection/block_pages.hpp"
#include "client/detection/signals.hpp"

namespace surang::client {

enum class PortalAnswer {
  need_more,
  clean,    ///< 204 and nothing behind it
  portal,   ///< a page, a redirect, or 511 (RFC 6585 6): somebody else answers
  nothing,  ///< no answer, or one that says nothing, such as a censor's known block page
};

/// The most bytes of an answer that are looked at.
inline constexpr std::size_t kMaxPortalAnswer = 16 * 1024;

/// `ended`: nothing more will come, and the answer is never need_more.
PortalAnswer judge_portal_answer(const BlockPages& known, std::string_view bytes, bool ended);

class CaptivePortal {
 public:
  enum class State { unknown, clean, captive };

  /// `asks`: whether there is anybody to ask; otherwise every network is clean.
  explicit CaptivePortal(bool asks) : asks_(asks) {}

  /// On another network, or awake again.
  void arrived(Clock::time_point now);
  State state() const noexcept { return state_; }
  bool captive() const noexcept { return state_ == State::captive; }
  /// When to ask next; nothing while there is no reason to, or a question is under way.
  std::optional<Clock::time_point> due() const noexcept { return due_; }
  /// A question leaves. The number goes with its answer.
  unsigned asked(Clock::time_point now);
  /// False when the answer is about a network that was left meanwhile.
  bool answered(unsigned number, PortalAnswer answer, Clock::time_point now);
  /// A site has shown its certificate directly: time to ask again. Three that have nothing to do with each
  /// other say that there is no portal, whatever is answered in the name of the one that is asked.
  void reached(const std::string& domain, Clock::time_point now);
  /// Something answers directly as a site would, which a portal may be as well: time to ask, if it is not
  /// just asked.
  void hinted(Clock::time_point now);
  /// The one that is asked has itself shown its certificate, after answer `number`: only its plain page is
  /// lied about.
  void reached_asked(unsigned number);

 private:
  void settle(State state);

  const bool asks_;
  State state_ = State::clean;
  std::optional<Clock::time_point> due_;
  Clock::time_point asked_at_{};
  unsigned round_ = 0;
  bool asking_ = false;
  int unanswered_ = 0;  // in a row
  Clock::duration pause_{};
  std::set<std::string> reached_;
};

}  // namespace surang::client
