// What the parent process says in its environment (pt-spec 3.2), and what it is to be told first (3.3). Pure:
// pt_program reads the real environment and prints the lines.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/outer_proxy/outer_proxy.hpp"
#include "client/pt/pt_arguments.hpp"

namespace surang::client::pt {

/// The one transport there is; others that the parent asks for are not answered, as pt-spec has it.
inline constexpr std::string_view kTransport = "obfs4";

struct ClientSetup {
  bool wanted = false;  ///< the parent asks for kTransport
  std::optional<OuterProxy> proxy;
  std::optional<boost::asio::ip::address_v4> from_v4;  ///< what connections are made from
  std::optional<boost::asio::ip::address_v6> from_v6;
};

struct ServerSetup {
  bool wanted = false;
  boost::asio::ip::tcp::endpoint listen;  ///< any address and port 0 when the parent does not care
  Arguments options;
  std::optional<boost::asio::ip::tcp::endpoint> or_port;
  std::optional<boost::asio::ip::tcp::endpoint> extended_port;  ///< goes before or_port
  std::filesystem::path cookie_file;                            ///< of extended_port
};

struct Setup {
  int status = 0;                  ///< an ExitCode; not kOk: say the lines and end
  std::vector<std::string> lines;  ///< for stdout, without their end
  std::filesystem::path state_dir;
  bool exit_on_stdin_close = false;
  std::variant<ClientSetup, ServerSetup> role;
};

/// `variable` gives a variable's value, nothing for one that is not set. Status kUsage: not started by a
/// parent that speaks pt-spec at all; kConfig: its variables do not go together.
Setup read_environment(const std::function<std::optional<std::string>(const char*)>& variable);

/// A line of the protocol: `text` after `keyword`, with nothing in it that is not printable ASCII.
std::string protocol_line(std::string_view keyword, std::string_view text);

}  // namespace surang::client::pt
