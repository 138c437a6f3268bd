// Names to addresses for the direct ways, with what is suspicious about the answer. An attempt asks the
// system first; encrypted DNS only when the answer is in doubt.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "client/detection/signals.hpp"
#include "transports/core/result.hpp"

namespace surang::client {

struct NameAnswer {
  std::vector<boost::asio::ip::address> addresses;  ///< in the order in which to try them
  error_code error;                                 ///< set when there are none
  /// Why the answer is not to be believed without contrast: dns_nxdomain, dns_bogon, dns_sinkhole,
  /// dns_late_answer, dns_silence; none for an ordinary one. no_network and other: nobody could be asked.
  Signal doubt = Signal::none;
  /// One bare address of a family and nothing else, not even the EDNS record that a name server repeats: as
  /// injectors answer, and a few old routers. Or an address given for unrelated names. Not in doubt, but
  /// worth a look at the certificate.
  bool thin = false;
};

class Names {
 public:
  virtual ~Names() = default;
  /// What the network's own name server says. Never fails in silence: `error` or addresses.
  virtual boost::asio::awaitable<NameAnswer> system(std::string host) = 0;
  /// DNS over HTTPS; Errc::name_not_found is an answer, anything else means that no provider could be
  /// reached.
  virtual boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> encrypted(
      std::string host) = 0;
  /// A whole message to a provider of encrypted DNS, and its answer, whatever it says.
  virtual boost::asio::awaitable<Result<std::vector<std::uint8_t>>> exchange(
      [[maybe_unused]] std::vector<std::uint8_t> query) {
    co_return make_error_code(Errc::no_route);
  }
  /// Asks the name servers that `servers` gives from now on, not the system's.
  virtual void ask_servers_of(
      [[maybe_unused]] std::function<std::vector<boost::asio::ip::udp::endpoint>()> servers) {}
  /// False when no provider is configured.
  virtual bool has_encrypted() const noexcept = 0;
  /// Encrypted DNS agreed with a doubtful answer: believe it from now on.
  virtual void trust(const std::string& host) = 0;
  /// A second, contradicting answer came behind the system's: two speak for one name server.
  virtual bool late_answer([[maybe_unused]] const std::string& host) { return false; }
  /// A site at this address has shown its certificate: no sinkhole.
  virtual void confirmed([[maybe_unused]] const boost::asio::ip::address& address) {}
  /// The person's own word (the hosts file) says where this name lives: it goes there and nowhere else.
  virtual bool pinned([[maybe_unused]] const std::string& host) { return false; }
  /// Another network: nothing of what was answered holds, and its name servers are not asked any more.
  virtual void forget() {}
  /// The system's answer to one name: the next question asks the name server again.
  virtual void forget_name([[maybe_unused]] const std::string& host) {}
};

}  // namespace surang::client
