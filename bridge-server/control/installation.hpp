// What `init` makes and the other commands work on: the configuration file with the keys and users it points
// to.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bridge-server/users/user_store.hpp"
#include "config/bridge_options.hpp"
#include "config/share_link.hpp"

namespace surang::bridge {

/// Ends a command with one line for the person and an exit code.
struct CommandFailure : std::runtime_error {
  CommandFailure(int exit_code, const std::string& what) : std::runtime_error(what), code(exit_code) {}
  int code;
};

struct InitRequest {
  std::filesystem::path config_file;
  std::filesystem::path state_dir;  ///< empty: the default
  std::vector<std::string> hosts;
  std::string cover;                        ///< "www.example.org:443"
  std::string sni;                          ///< the name clients show; empty: the cover's host
  std::string listen;                       ///< address and port; empty: port 443 of every address
  std::optional<std::uint16_t> obfs4_port;  ///< at the same address; 0: none; nothing: one drawn at random
  std::optional<std::uint16_t> quic_port;   ///< the same of UDP
  std::string user = "me";
  bool force = false;  ///< replaces an installation, its keys and users with it
};

/// Writes configuration, keys and the first user; gives the user's link. Throws CommandFailure.
config::ShareLink make_installation(const InitRequest& request);

/// Reads the configuration; throws CommandFailure (78, 77).
config::BridgeOptions load_installation(const std::filesystem::path& config_file);

/// The link of a user of this bridge. Throws CommandFailure when the keys cannot be read.
config::ShareLink link_for(const config::BridgeOptions& options, const UserRecord& user);

}  // namespace surang::bridge
