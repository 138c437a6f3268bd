#include "tests/censor/middlebox/rule.hpp"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace surang::censor {
namespace {

constexpr std::pair<const char*, Verb> kVerbs[] = {
    {"ip-drop", Verb::ip_drop},
    {"ip-rst", Verb::ip_rst},
    {"icmp-unreachable", Verb::icmp_unreachable},
    {"sni-reset", Verb::sni_reset},
    {"sni-drop", Verb::sni_drop},
    {"sni-fin", Verb::sni_fin},
    {"dns-poison", Verb::dns_poison},
    {"http-block-page", Verb::http_block_page},
    {"throttle", Verb::throttle},
    {"freeze", Verb::freeze},
    {"redirect", Verb::redirect},
    {"udp-drop", Verb::udp_drop},
    {"entropy-block", Verb::entropy_block},
    {"outage", Verb::outage},
};

/// "*" leaves the rule for everyone.
void set_target(Rule& rule, const std::string& word) {
  if (word == "*") return;
  rule.prefix = parse_prefix(word);
  if (!rule.prefix) rule.name = word;
}

bool set_port(Rule& rule, std::string_view digits) {
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rule.port);
  return error == std::errc{} && end == digits.data() + digits.size();
}

bool set_answers(Rule& rule, const std::string& list) {
  if (list == "nxdomain") return rule.nxdomain = true;
  std::istringstream in(list);
  for (std::string one; std::getline(in, one, ',');) {
    const auto address = parse_address(one);
    if (!address) return false;
    rule.answers.push_back(*address);
  }
  return !rule.answers.empty();
}

bool set_option(Rule& rule, const std::string& word) {
  if (word == "pass") return rule.pass = true;
  if (word == "late") return rule.late = true;
  if (word == "policed") return rule.policed = true;
  if (word == "udp") return rule.udp = true;
  if (word == "uncut") return rule.uncut = true;
  if (word == "records") return rule.records = true;
  if (word == "no-reassembly") return rule.reassemble = false, true;
  if (word == "body=plain") return rule.plain = true;
  if (word == "whole-records") return rule.whole_records = true;
  if (word.starts_with("at=")) return (rule.only_at = parse_prefix(word.substr(3))).has_value();
  if (word.starts_with("port=")) return set_port(rule, std::string_view(word).substr(5));
  if (word.starts_with("redirect=")) return rule.redirect = word.substr(9), true;
  return false;
}

enum class Target { none, any, address, name };

Target target_of(Verb verb) {
  switch (verb) {
    case Verb::ip_drop:
    case Verb::ip_rst:
    case Verb::icmp_unreachable:
    case Verb::redirect:
      return Target::address;
    case Verb::throttle:
    case Verb::freeze:
      return Target::any;
    case Verb::udp_drop:
    case Verb::entropy_block:
    case Verb::outage:
      return Target::none;
    default:
      return Target::name;
  }
}

}  // namespace

std::optional<Clock::duration> TokenBucket::pass(std::size_t bytes, double rate, bool policed,
                                                 Clock::time_point now) {
  free_at_ = std::max(free_at_, now);
  // A bucket of 4 KB: a few packets at once, as a policer at these rates lets through.
  const std::chrono::duration<double> bucket(policed ? 4096 * 8 / rate : 0.5);
  if (free_at_ - now > bucket) return {};
  const auto wait = policed ? Clock::duration::zero() : free_at_ - now;
  free_at_ += std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(static_cast<double>(bytes) * 8 / rate));
  return wait;
}

bool Rule::matches_remote(const Address& remote, std::uint16_t remote_port) const {
  return (port == 0 || port == remote_port) && (!prefix || prefix->contains(remote));
}

bool Rule::matches_name(const std::string& host) const {
  if (host.empty()) return false;
  if (name.empty()) return !prefix;
  if (name[0] != '.') return host == name;
  return host.ends_with(name) || std::string_view(name).substr(1) == host;
}

std::vector<std::string> split_words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::optional<double> parse_amount(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < 0) return {};
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.empty()) return value;
  if (unit == "k") return value * 1e3;
  if (unit == "m") return value * 1e6;
  return {};
}

std::optional<Rule> parse_rule(const std::string& line, std::string& why) {
  const auto words = split_words(line);
  const auto fail = [&](const std::string& what) { return why = what, std::optional<Rule>{}; };
  if (words.empty()) return fail("no rule");
  const auto* verb = std::ranges::find(kVerbs, words[0], [](const auto& known) { return known.first; });
  if (verb == std::end(kVerbs)) return fail("unknown verb " + words[0]);
  Rule rule;
  rule.verb = verb->second;
  rule.text = line;
  std::size_t at = 1;
  const auto next = [&] { return at < words.size() ? words[at++] : std::string(); };
  if (const auto target = target_of(rule.verb); target != Target::none) {
    const auto word = next();
    if (word.empty()) return fail(words[0] + " needs a target");
    set_target(rule, word);
    if (target == Target::address && rule.by_name()) return fail("not an address: " + word);
    if (target == Target::name && rule.prefix) return fail("not a name: " + word);
  }
  if (rule.verb == Verb::dns_poison && !set_answers(rule, next())) {
    return fail("dns-poison needs addresses or nxdomain");
  }
  if (rule.verb == Verb::redirect && (!set_answers(rule, next()) || rule.answers.size() != 1 ||
                                      rule.answers[0].v6 != rule.prefix->base.v6)) {
    return fail("redirect needs an address of the same family");
  }
  if (rule.verb == Verb::throttle || rule.verb == Verb::freeze) {
    const auto amount = parse_amount(next());
    if (!amount) return fail(words[0] + " needs an amount");
    if (rule.verb == Verb::throttle && *amount == 0) return fail("throttle needs a rate above 0");
    rule.rate = *amount;
    rule.bytes = static_cast<std::uint64_t>(*amount);
  }
  for (; at < words.size(); ++at) {
    if (set_option(rule, words[at])) continue;
    if (rule.verb == Verb::udp_drop && set_port(rule, words[at])) continue;
    if (target_of(rule.verb) == Target::none && (rule.prefix = parse_prefix(words[at]))) continue;
    return fail("unknown option " + words[at]);
  }
  return rule;
}

}  // namespace surang::censor
