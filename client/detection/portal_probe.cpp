#include "client/detection/portal_probe.hpp"

#include <array>

#include "client/detection/site_scope.hpp"
#include "transports/core/timeout.hpp"

namespace surang::client {
namespace {

constexpr std::chrono::seconds kLimit{5};

// As millions of phones ask, so that nobody is told apart by it.
std::string request_for(const config::CaptiveProbe& probe) {
  const bool usual = probe.port == 80;
  const auto host = probe.host.find(':') == probe.host.npos ? probe.host : '[' + probe.host + ']';
  return "GET " + probe.target +
         " HTTP/1.1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
         "Chrome/60.0.3112.32 Safari/537.36\r\nHost: " +
         host + (usual ? "" : ':' + std::to_string(probe.port)) +
         "\r\nConnection: Keep-Alive\r\nAccept-Encoding: gzip\r\n\r\n";
}

asio::awaitable<Result<PortalAnswer>> ask(Names* names, Connector* connector,
                                          std::shared_ptr<const BlockPages> known,
                                          config::CaptiveProbe probe) {
  std::vector<asio::ip::address> addresses;
  if (const auto literal = address_literal(probe.host)) {
    addresses.push_back(*literal);
  } else {
    names->forget_name(probe.host);  // a portal's own answer must not outlive the signing in
    auto answer = co_await names->system(probe.host);
    addresses = std::move(answer.addresses);
  }
  // Filters of names point at this computer; what listens here is no portal.
  std::erase_if(addresses, [](const auto& a) { return is_local_address(a); });
  if (addresses.empty()) co_return PortalAnswer::nothing;
  auto opened = co_await connector->connect(std::move(addresses), probe.port, nullptr);
  if (!opened) co_return PortalAnswer::nothing;
  const auto stream = std::move(*opened);
  const auto request = request_for(probe);
  const auto written = co_await stream->write_all(asio::buffer(request));
  std::string answer;
  std::array<char, 4096> block;
  bool ended = !written;
  while (!ended) {
    const auto n = co_await stream->read_some(asio::buffer(block));
    ended = !n || *n == 0;
    if (n) answer.append(block.data(), *n);
    const auto judged = judge_portal_answer(*known, answer, ended);
    if (judged != PortalAnswer::need_more) co_return judged;
  }
  co_return PortalAnswer::nothing;
}

}  // namespace

asio::awaitable<PortalAnswer> ask_portal_probe(Names* names, Connector* connector,
                                               std::shared_ptr<const BlockPages> known,
                                               config::CaptiveProbe probe) {
  auto asking = ask(names, connector, std::move(known), std::move(probe));
  const auto answer = co_await with_timeout(kLimit, std::move(asking));
  co_return answer ? *answer : PortalAnswer::nothing;
}

}  // namespace surang::client
