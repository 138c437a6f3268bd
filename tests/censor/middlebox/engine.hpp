// The censor's judgement: each packet between inside and outside is passed on after its path's delay,
// dropped, held back, or answered with forged ones. No sockets; the clock is handed in. Called by main's
// loop.
#pragma once

#include <functional>

#include "tests/censor/middlebox/event_log.hpp"

namespace surang::censor {

struct PathDelay {
  std::optional<Prefix> remote;  ///< nothing: every remote end
  Clock::duration up{}, down{};  ///< one way
};

class Engine {
 public:
  using Send = std::function<void(Bytes packet, Clock::duration after)>;
  Engine(std::vector<Prefix> inside, EventLog& log, Send send);

  void handle(View packet, Clock::time_point now);
  void tick(Clock::time_point now) { flows_.sweep(now); }

  unsigned add(Rule rule);
  bool remove(unsigned id);
  void clear() { rules_.clear(); }
  /// The last one that fits a remote end holds.
  void set_delay(PathDelay delay);
  /// From the client to the censor and back.
  void set_near(Clock::duration round_trip) { near_ = round_trip; }

  const std::list<Rule>& rules() const { return rules_; }
  const FlowTable& flows() const { return flows_; }
  std::uint64_t passed = 0, dropped = 0, forged = 0;

 private:
  struct Context {
    const Packet& packet;
    bool up;
    FlowKey key;
    Clock::time_point now;
    Clock::duration there{}, back{};  ///< one way to and from the remote end
  };
  enum class Say { pass, drop };

  Say judge_addresses(const Context& at);
  Say judge_udp(const Context& at, Flow& flow);
  Say judge_tcp(const Context& at, Flow& flow);
  Say judge_first_payload(const Context& at, Flow& flow);
  Say judge_names(const Context& at, Flow& flow);
  Say apply_name_rule(Rule& rule, const Context& at, Flow& flow, const std::string& name);
  Say answer_page(const Rule& rule, const Context& at, Flow& flow);
  /// Nothing: dropped.
  std::optional<Clock::duration> shape(const Context& at, const Flow& flow);

  /// The packet as it goes on, under another address where a rule says so.
  Bytes redirected(const Context& at);
  void hit(Rule& rule, const Context& at, const std::string& name = {});
  void to_client(const Context& at, Bytes packet);
  void to_remote(const Context& at, Bytes packet);
  void reset_remote(const Context& at);

  std::vector<Prefix> inside_;
  EventLog& log_;
  Send send_;
  std::list<Rule> rules_;
  std::vector<PathDelay> delays_;
  Clock::duration near_ = std::chrono::milliseconds(4);
  unsigned last_id_ = 0;
  FlowTable flows_;
};

}  // namespace surang::censor
