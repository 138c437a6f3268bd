// The rules that act on the name a client asks for: SNI and Host.
#include "tests/censor/middlebox/engine.hpp"

namespace surang::censor {
namespace {

bool for_tls(Verb verb) {
  return verb == Verb::sni_reset || verb == Verb::sni_drop || verb == Verb::sni_fin;
}

std::string block_page(const Rule& rule) {
  if (!rule.redirect.empty()) {
    return "HTTP/1.1 302 Found\r\nLocation: " + rule.redirect +
           "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  }
  if (rule.plain) {
    return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"
           "<html><head><title>Notice</title></head><body><p>There is nothing to be seen here. Reference "
           "desk "
           "4.</p></body></html>";
  }
  const std::string body =
      "<html><head><title>Surf Safely!</title></head><body>This website is not accessible. The site you are "
      "trying to access contains content that is prohibited for viewership.</body></html>";
  return "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace

Engine::Say Engine::judge_names(const Context& at, Flow& flow) {
  flow.said.add(at.packet.seq, at.packet.payload);
  ++flow.segments;
  const View said = flow.said.bytes();
  std::string whole, first_record, segment, host;
  const auto tls = read_server_name(said, true, whole);
  const auto http = tls == Seen::nothing ? read_http_host(said, host) : Seen::nothing;
  read_server_name(said, false, first_record);
  read_server_name(at.packet.payload, false, segment);
  const bool settled = tls != Seen::need_more && http != Seen::need_more;
  if (settled && flow.kind.empty()) {
    flow.name = whole.empty() ? host : whole;
    flow.kind = tls == Seen::name ? "tls" : http == Seen::name ? "http" : "other";
    auto fields = describe(at.key);
    fields["name"] = flow.name;
    fields["kind"] = flow.kind;
    fields["segments"] = flow.segments;
    flow.cut = spans_records(said);
    fields["cut"] = flow.cut;
    log_.write("name", std::move(fields));
  }
  for (auto& rule : rules_) {
    std::string* name = nullptr;
    if (for_tls(rule.verb)) name = !rule.reassemble ? &segment : rule.records ? &whole : &first_record;
    if (rule.verb == Verb::http_block_page) name = &host;
    if (!name || (rule.only_at && !rule.only_at->contains(at.key.ends.destination))) continue;
    const bool cut = rule.whole_records && spans_records(rule.reassemble ? said : at.packet.payload);
    if (!cut && !rule.matches_name(*name)) continue;
    const auto called = cut && name->empty() ? std::string("in pieces") : *name;
    flow.looked_at = true;
    flow.said.forget();
    return apply_name_rule(rule, at, flow, called);
  }
  if (settled) {
    flow.looked_at = true;
    flow.said.forget();
  }
  return Say::pass;
}

Engine::Say Engine::apply_name_rule(Rule& rule, const Context& at, Flow& flow, const std::string& name) {
  ++rule.flows_hit;
  flow.decided_by = rule.id;
  hit(rule, at, name);
  const auto& packet = at.packet;
  const auto back = packet.ends.reversed();
  const auto heard = packet.seq + static_cast<std::uint32_t>(packet.payload.size());
  switch (rule.verb) {
    case Verb::sni_reset:
      to_client(at, forge_tcp(back, packet.ack, heard, kRst | kAck));
      if (rule.pass) return Say::pass;
      reset_remote(at);
      break;
    case Verb::sni_fin:
      to_client(at, forge_tcp(back, packet.ack, heard, kFin | kAck));
      reset_remote(at);
      flow.fate = Flow::Fate::answered;
      return Say::drop;
    case Verb::http_block_page:
      return answer_page(rule, at, flow);
    default:
      break;
  }
  flow.fate = Flow::Fate::dropped;
  return Say::drop;
}

Engine::Say Engine::answer_page(const Rule& rule, const Context& at, Flow& flow) {
  const auto page = block_page(rule);
  const View body(reinterpret_cast<const std::uint8_t*>(page.data()), page.size());
  const auto heard = at.packet.seq + static_cast<std::uint32_t>(at.packet.payload.size());
  to_client(at, forge_tcp(at.packet.ends.reversed(), at.packet.ack, heard, kFin | kPsh | kAck, body));
  if (rule.pass) return Say::pass;
  reset_remote(at);
  flow.fate = Flow::Fate::answered;
  return Say::drop;
}

void Engine::reset_remote(const Context& at) {
  to_remote(at, forge_tcp(at.packet.ends, at.packet.seq, at.packet.ack, kRst | kAck));
}

}  // namespace surang::censor
