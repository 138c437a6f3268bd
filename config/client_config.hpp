// client.toml -> ClientOptions.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/client_options.hpp"

namespace surang::config {

/// Reads and checks a file. Errc::bad_input with `why` = "client.toml:12: unknown key 'hegde_ms', did you
/// mean 'hedge_ms'?". A missing file is an error_code of the system. Paths inside are relative to the file;
/// the files they lead to are checked too.
Result<ClientOptions> load_client_config(const std::filesystem::path& file, std::string& why);
/// The same of a text, without touching any file.
Result<ClientOptions> parse_client_config(std::string_view toml, const std::string& file_name,
                                          std::string& why);

/// What holds where `file` is missing, with the lists that stand beside its place.
Result<ClientOptions> client_options_without_file(const std::filesystem::path& file, std::string& why);

/// What holds without any file, for this user (paths of ARCHITECTURE.md, "What the person meets").
ClientOptions default_client_options();
std::filesystem::path default_client_config_path();

/// "always-tunnel", "always-direct", "never".
std::optional<RuleAction> parse_rule_action(std::string_view text);
std::string_view to_string(RuleAction action);
/// Whether a text is a pattern of the forms that Rule describes.
bool valid_rule_pattern(std::string_view pattern);

/// Whether a text can be a network interface's name: 1 to 15 characters, and none that a rule could be made
/// of.
bool valid_interface(std::string_view name);

/// Adds to the file, keeping all that is there (comments too); made when missing (0600), replaced atomically.
/// On failure the file is as it was and `why` is one sentence.
Result<void> append_bridges(const std::filesystem::path& file, const std::vector<ShareLink>& links,
                            std::string& why);
Result<void> append_rule(const std::filesystem::path& file, const Rule& rule, std::string& why);
/// Takes the [[rule]] sections with that pattern out, keeping all else; how many there were.
Result<std::size_t> remove_rule(const std::filesystem::path& file, const std::string& pattern,
                                std::string& why);

}  // namespace surang::config
