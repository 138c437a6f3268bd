#include "client/dns/name_servers.hpp"

#include <algorithm>

#include "transports/core/endpoint.hpp"

namespace surang::client {
namespace {

// Calls `visit` with the words of every line, comments left out.
template <class Visit>
void each_line(std::string_view text, std::string_view comment, Visit visit) {
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find_first_of(comment));
    std::vector<std::string_view> words;
    while (!line.empty()) {
      const auto begin = line.find_first_not_of(" \t\r");
      if (begin == line.npos) break;
      line.remove_prefix(begin);
      const auto end = std::min(line.find_first_of(" \t\r"), line.size());
      words.push_back(line.substr(0, end));
      line.remove_prefix(end);
    }
    if (words.size() > 1) visit(words);
  }
}

}  // namespace

std::vector<boost::asio::ip::udp::endpoint> parse_resolv_conf(std::string_view text) {
  std::vector<boost::asio::ip::udp::endpoint> servers;
  each_line(text, "#;", [&](const auto& words) {
    if (words[0] != "nameserver" || servers.size() >= 8) return;
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(words[1], ec);
    if (!ec) servers.emplace_back(address, 53);
  });
  return servers;
}

// The last line of either kind counts.
std::vector<std::string> parse_search_domains(std::string_view text) {
  std::vector<std::string> domains;
  each_line(text, "#;", [&](const auto& words) {
    if (words[0] != "search" && words[0] != "domain") return;
    domains.clear();
    for (std::size_t i = 1; i < words.size(); ++i) {
      const auto name = Endpoint::make(words[i], 53);
      if (name && !name->address()) domains.push_back(name->host());
    }
  });
  return domains;
}

HostsTable parse_hosts(std::string_view text) {
  HostsTable table;
  each_line(text, "#", [&](const auto& words) {
    boost::system::error_code ec;
    const auto address = boost::asio::ip::make_address(words[0], ec);
    if (ec) return;
    for (std::size_t i = 1; i < words.size(); ++i) {
      std::string name(words[i]);
      for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      auto& addresses = table[name];
      if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
        addresses.push_back(address);
    }
  });
  return table;
}

HostsOrder parse_hosts_order(std::string_view nsswitch) {
  auto order = HostsOrder::before_dns;
  each_line(nsswitch, "#", [&](const auto& words) {
    if (words[0] != "hosts:") return;
    const auto files = std::find(words.begin(), words.end(), "files");
    const auto dns =
        std::find_if(words.begin(), words.end(), [](auto w) { return w == "dns" || w == "resolve"; });
    order = files == words.end() ? HostsOrder::unused
            : files < dns        ? HostsOrder::before_dns
                                 : HostsOrder::after_dns;
  });
  return order;
}

}  // namespace surang::client
