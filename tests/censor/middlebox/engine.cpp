#include "tests/censor/middlebox/engine.hpp"

#include <algorithm>

#include "tests/censor/middlebox/dns_message.hpp"

namespace surang::censor {

Engine::Engine(std::vector<Prefix> inside, EventLog& log, Send send)
    : inside_(std::move(inside)),
      log_(log),
      send_(std::move(send)),
      flows_([this](const FlowKey& key, const Flow& flow, const char* why) {
        auto fields = describe(key, flow);
        fields["why"] = why;
        log_.write("close", std::move(fields));
      }) {}

unsigned Engine::add(Rule rule) {
  rule.id = ++last_id_;
  rules_.push_back(std::move(rule));
  return last_id_;
}

bool Engine::remove(unsigned id) {
  return std::erase_if(rules_, [id](const Rule& rule) { return rule.id == id; }) != 0;
}

void Engine::set_delay(PathDelay delay) {
  std::erase_if(delays_, [&](const PathDelay& old) {
    return old.remote.has_value() == delay.remote.has_value() &&
           (!old.remote ||
            (old.remote->base == delay.remote->base && old.remote->bits == delay.remote->bits));
  });
  delays_.push_back(delay);
}

void Engine::handle(View bytes, Clock::time_point now) {
  Packet packet;
  if (!parse_packet(bytes, packet)) return;
  Bytes renamed;
  for (const auto& rule : rules_) {
    // What comes from the place of a redirect speaks in the name of the one that was asked.
    if (rule.verb != Verb::redirect || packet.ends.source != rule.answers[0]) continue;
    renamed = with_source(packet, rule.prefix->base);
    if (!parse_packet(renamed, packet)) return;
    break;
  }
  const auto is_inside = [&](const Address& address) {
    return std::ranges::any_of(inside_, [&](const Prefix& prefix) { return prefix.contains(address); });
  };
  const bool up = is_inside(packet.ends.source);
  if (up == is_inside(packet.ends.destination)) return;
  Context at{packet, up, {up ? packet.ends : packet.ends.reversed(), packet.protocol}, now};
  const auto& remote = at.key.ends.destination;
  for (const auto& delay : delays_) {
    if (!delay.remote || delay.remote->contains(remote)) at.there = delay.up, at.back = delay.down;
  }

  bool made = false;
  const bool opens = packet.protocol == kTcp && (packet.flags & (kSyn | kAck)) == kSyn;
  Flow ignored;
  const bool tracked = packet.protocol == kTcp || packet.protocol == kUdp;
  Flow& flow = tracked ? flows_.get(at.key, opens, now, made) : ignored;
  // What comes late of a connection that has ended opens none.
  if (made && (opens || packet.protocol == kUdp)) log_.write("open", describe(at.key));

  Say say = judge_addresses(at);
  if (say == Say::pass && packet.protocol == kUdp) say = judge_udp(at, flow);
  if (say == Say::pass && packet.protocol == kTcp) say = judge_tcp(at, flow);
  const auto wait = say == Say::pass ? shape(at, flow) : std::nullopt;
  if (!wait) {
    ++dropped;
    return;
  }
  ++passed;
  (up ? flow.up : flow.down) += packet.payload.size();
  send_(redirected(at), *wait + (up ? at.there : at.back));
}

Bytes Engine::redirected(const Context& at) {
  for (auto& rule : rules_) {
    if (!at.up || rule.verb != Verb::redirect) continue;
    if (!rule.matches_remote(at.key.ends.destination, at.key.ends.destination_port)) continue;
    hit(rule, at);
    return with_destination(at.packet, rule.answers[0]);
  }
  return Bytes(at.packet.all.begin(), at.packet.all.end());
}

Engine::Say Engine::judge_addresses(const Context& at) {
  const auto& packet = at.packet;
  const auto& remote = at.key.ends.destination;
  for (auto& rule : rules_) {
    if (!rule.matches_remote(remote, at.key.ends.destination_port)) continue;
    switch (rule.verb) {
      case Verb::outage:
      case Verb::ip_drop:
        hit(rule, at);
        return Say::drop;
      case Verb::udp_drop:
        if (packet.protocol != kUdp) break;
        hit(rule, at);
        return Say::drop;
      case Verb::ip_rst:
        if (packet.protocol != kTcp) break;
        hit(rule, at);
        if (at.up && !(packet.flags & kRst)) {
          const auto length = packet.payload.size() + (packet.flags & kSyn ? 1 : 0);
          to_client(at, forge_tcp(packet.ends.reversed(), packet.ack,
                                  packet.seq + static_cast<std::uint32_t>(length), kRst | kAck));
        }
        return Say::drop;
      case Verb::icmp_unreachable:
        hit(rule, at);
        if (at.up && (packet.protocol == kTcp || packet.protocol == kUdp)) {
          to_client(at, forge_unreachable(packet));
        }
        return Say::drop;
      default:
        break;
    }
  }
  return Say::pass;
}

Engine::Say Engine::judge_udp(const Context& at, Flow& flow) {
  DnsQuestion question;
  if (!at.up || at.key.ends.destination_port != 53 || !parse_question(at.packet.payload, question)) {
    return Say::pass;
  }
  flow.name = question.name;
  flow.kind = "dns";
  auto fields = describe(at.key);
  fields["name"] = question.name;
  fields["type"] = question.type;
  log_.write("dns", std::move(fields));
  for (auto& rule : rules_) {
    if (rule.verb != Verb::dns_poison || !rule.matches_name(question.name)) continue;
    hit(rule, at, question.name);
    to_client(at, forge_udp(at.packet.ends.reversed(),
                            forge_answer(at.packet.payload, question, rule.answers, rule.nxdomain)));
    if (!rule.late && !rule.pass) return Say::drop;
  }
  return Say::pass;
}

Engine::Say Engine::judge_tcp(const Context& at, Flow& flow) {
  const auto& packet = at.packet;
  if (packet.flags & kRst) flow.reset = true;
  if (packet.flags & kFin) (at.up ? flow.client_fin : flow.remote_fin) = true;
  if (flow.fate == Flow::Fate::answered && at.up && packet.flags & kFin) {
    flow.remote_fin = true;
    to_client(at, forge_tcp(packet.ends.reversed(), packet.ack,
                            packet.seq + static_cast<std::uint32_t>(packet.payload.size()) + 1, kAck));
  }
  if (flow.fate != Flow::Fate::open) return Say::drop;
  if (at.up && packet.flags & kSyn) flow.said.start(packet.seq + 1);
  if (!at.up || packet.payload.empty()) {
    for (auto& rule : rules_) {
      if (rule.verb != Verb::freeze || at.up || (rule.uncut && flow.cut) ||
          flow.down + packet.payload.size() <= rule.bytes)
        continue;
      const bool meant = rule.by_name()
                             ? rule.matches_name(flow.name)
                             : rule.matches_remote(at.key.ends.destination, at.key.ends.destination_port);
      if (!meant) continue;
      flow.fate = Flow::Fate::dropped;
      flow.decided_by = rule.id;
      ++rule.flows_hit;
      hit(rule, at, flow.name);
      return Say::drop;
    }
    return Say::pass;
  }
  if (flow.first_payload) {
    flow.first_payload = false;
    if (judge_first_payload(at, flow) == Say::drop) return Say::drop;
  }
  return flow.looked_at ? Say::pass : judge_names(at, flow);
}

Engine::Say Engine::judge_first_payload(const Context& at, Flow& flow) {
  for (auto& rule : rules_) {
    if (rule.verb != Verb::entropy_block || !looks_random(at.packet.payload)) continue;
    if (!rule.matches_remote(at.key.ends.destination, at.key.ends.destination_port)) continue;
    flow.fate = Flow::Fate::dropped;
    flow.decided_by = rule.id;
    ++rule.flows_hit;
    hit(rule, at);
    return Say::drop;
  }
  return Say::pass;
}

std::optional<Clock::duration> Engine::shape(const Context& at, const Flow& flow) {
  Clock::duration wait{};
  for (auto& rule : rules_) {
    if (rule.verb != Verb::throttle || (rule.udp && at.packet.protocol != kUdp)) continue;
    const bool meant = rule.by_name()
                           ? rule.matches_name(flow.name)
                           : rule.matches_remote(at.key.ends.destination, at.key.ends.destination_port);
    if (!meant) continue;
    ++rule.packets_hit;
    rule.bytes_hit += at.packet.all.size();
    const auto held =
        (at.up ? rule.up : rule.down).pass(at.packet.all.size(), rule.rate, rule.policed, at.now);
    if (!held) return {};
    wait += *held;
  }
  return wait;
}

void Engine::hit(Rule& rule, const Context& at, const std::string& name) {
  ++rule.packets_hit;
  rule.bytes_hit += at.packet.all.size();
  // A silent rule meets many packets; the log wants to know of openings and decisions.
  const bool opening = at.packet.protocol != kTcp || at.packet.flags & kSyn || !name.empty();
  if (!opening) return;
  auto fields = describe(at.key);
  fields["rule"] = rule.text;
  fields["id"] = rule.id;
  fields["name"] = name;
  log_.write("rule", std::move(fields));
}

void Engine::to_client(const Context& at, Bytes packet) {
  (void)at;
  ++forged;
  send_(std::move(packet), near_);
}

void Engine::to_remote(const Context& at, Bytes packet) {
  ++forged;
  send_(std::move(packet), at.there);
}

}  // namespace surang::censor
