// Answers what captured programs ask name servers: for addresses of sites with fakes, which tell later whom a
// connection is for; all else as the server that was asked would, or encrypted DNS where the name is not for
// the line. Used by captured_datagrams and for DNS over TCP, on one executor.
#pragma once

#include <boost/asio/ip/udp.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "client/capture/dns_question.hpp"
#include "client/capture/fake_addresses.hpp"
#include "client/routing/outbound.hpp"
#include "transports/core/stream.hpp"

namespace surang::client::capture {

struct DnsDeskOptions {
  /// Names that Surang itself asks for by the system: a fake would lead back here.
  std::function<bool(const std::string& name)> ours;
  /// Names that are answered as they come unless they are blocked: this network's, and those by which a
  /// network is tried.
  std::function<bool(const std::string& name)> as_they_come;
  /// Where names are asked for by the system.
  std::function<std::vector<asio::ip::udp::endpoint>()> name_servers;
  /// Which of IPv4 and IPv6 lead out of this machine now.
  std::function<std::pair<bool, bool>()> families;
  std::chrono::milliseconds look_up_wait{
      700};                                    ///< for whether a name stands for anything; it does after that
  std::chrono::milliseconds relay_wait{5000};  ///< for a name server
};

class DnsDesk {
 public:
  using Bytes = std::vector<std::uint8_t>;
  enum class By { udp, tcp };
  /// A server that was asked, and by whom: a program of this computer, or a guest behind it.
  struct Asked {
    asio::ip::udp::endpoint server;
    By by = By::udp;
    bool guest = false;
  };

  /// `outbound` and `names` must outlive it.
  DnsDesk(asio::any_io_executor executor, Outbound& outbound, FakeAddresses& names, DnsDeskOptions options);

  /// The answer to a query that was on its way there; empty: there is none. In the inner network a guest is
  /// led to the system's own name servers alone: of others a firewall may keep it away.
  asio::awaitable<Bytes> answer(Bytes query, Asked asked);
  /// The same on a connection, until it ends.
  asio::awaitable<void> serve(StreamPtr stream, Asked asked);
  /// A program of this computer has asked that server: where nothing else tells, it may be the one that a
  /// resolver here asks. Not to be called for guests, who would choose everybody's.
  void note(const asio::ip::udp::endpoint& server);
  /// Those of note(), the last one first.
  std::vector<asio::ip::udp::endpoint> servers() const;

 private:
  asio::awaitable<Bytes> answer_address(Bytes query, DnsQuestion question, Asked asked);
  asio::awaitable<Bytes> relay(Bytes query, Asked asked);
  asio::awaitable<Bytes> encrypted(Bytes query, DnsQuestion question);
  Bytes fake(const Bytes& query, const DnsQuestion& question);

  const asio::any_io_executor executor_;
  Outbound& outbound_;
  FakeAddresses& names_;
  const DnsDeskOptions options_;
  std::deque<asio::ip::udp::endpoint> servers_;
  unsigned relaying_ = 0;
};

/// Whether a name is one of those by which systems and browsers find out whether a network wants people to
/// sign in.
bool tries_network(const std::string& name);

}  // namespace surang::client::capture
