#include "transports/fronted/front.hpp"

#include <algorithm>

#include "transports/core/endpoint.hpp"

namespace surang::fronted {
namespace {

constexpr std::string_view kNoName = "none";
constexpr std::size_t kMostAddresses = 16, kLongestPrefix = 200;

std::optional<std::string> host_in(std::string_view text) {
  const auto checked = Endpoint::make(text, 443);
  return checked ? std::optional(checked->host()) : std::nullopt;
}

// A name, which an address is not.
std::optional<std::string> name_in(std::string_view text) {
  auto name = host_in(text);
  return name && !address_literal(*name) ? name : std::nullopt;
}

bool is_prefix(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  return text.starts_with('/') && !text.ends_with('/') && text.find("//") == text.npos &&
         text.size() <= kLongestPrefix && text.find_first_not_of(kPlain) == text.npos;
}

// What stands where nothing is said.
std::string usual_verified(const Front& front) {
  return front.sni.empty() ? front.host : front.sni;
}

std::string usual_sni(const Front& front) {
  return address_literal(front.host) ? std::string() : front.host;
}

std::string joined(const std::vector<std::string>& all) {
  std::string text;
  for (const auto& one : all) (text += text.empty() ? "" : ",") += one;
  return text;
}

bool read_addresses(std::string_view text, Front& front, std::string& why) {
  while (!text.empty()) {
    const auto one = text.substr(0, text.find(','));
    const auto host = host_in(one);
    if (!host) why = "fronted: at= has '" + std::string(one) + "', which is neither a name nor an address";
    if (host && front.addresses.size() == kMostAddresses) why = "fronted: at= has too many addresses";
    if (!why.empty()) return false;
    front.addresses.push_back(*host);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
  }
  return true;
}

}  // namespace

std::string Front::authority() const {
  constexpr std::uint16_t kUsual = 443;
  auto text = Endpoint(host, port).to_string();
  if (port == kUsual) text.resize(text.rfind(':'));
  return text;
}

Result<Front> read_front(const TransportSpec& spec, std::string& why) {
  why.clear();
  const auto refuse = [&why](std::string text) {
    why = std::move(text);
    return make_error_code(Errc::bad_input);
  };
  const auto given = [&spec](const char* key) {
    const auto found = spec.params.find(key);
    return found == spec.params.end() ? std::string() : found->second;
  };
  Front front;
  if (spec.port == 0) return refuse("fronted needs a port other than 0");
  front.port = spec.port;
  if (given("host").empty()) return refuse("fronted needs host=, the name that the edge is asked for");
  const auto host = host_in(given("host"));
  if (!host) return refuse("fronted: host=" + given("host") + " is neither a name nor an address");
  front.host = *host;
  front.sni = usual_sni(front);
  if (const auto text = given("sni"); text == kNoName) {
    front.sni.clear();
  } else if (!text.empty()) {
    const auto sni = name_in(text);
    if (!sni) return refuse("fronted: sni=" + text + " is no host name, nor none");
    front.sni = *sni;
  }
  front.verified = usual_verified(front);
  if (const auto text = given("verify"); !text.empty()) {
    const auto verified = host_in(text);
    if (!verified) return refuse("fronted: verify=" + text + " is neither a name nor an address");
    front.verified = *verified;
  }
  if (!read_addresses(given("at"), front, why)) return make_error_code(Errc::bad_input);
  if (front.addresses.empty()) front.addresses = {front.verified};
  front.prefix = given("path");
  if (!front.prefix.empty() && !is_prefix(front.prefix))
    return refuse("fronted: path=" + front.prefix + " is not a path such as /media");
  return front;
}

TransportSpec to_spec(const Front& front) {
  TransportSpec spec;
  spec.name = "fronted";
  spec.port = front.port;
  spec.params["host"] = front.host;
  if (front.sni != usual_sni(front)) spec.params["sni"] = front.sni.empty() ? kNoName : front.sni;
  if (front.verified != usual_verified(front)) spec.params["verify"] = front.verified;
  if (front.addresses != std::vector{front.verified}) spec.params["at"] = joined(front.addresses);
  if (!front.prefix.empty()) spec.params["path"] = front.prefix;
  return spec;
}

}  // namespace surang::fronted
