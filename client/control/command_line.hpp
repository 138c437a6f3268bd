// What the commands of the command line have in common: how they complain, and how they reach the running
// client.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <string>

#include "client/app.hpp"
#include "transports/core/result.hpp"

namespace surang::client {

inline constexpr std::chrono::seconds kAnswerLimit{10};

/// Says `what` on stderr, without the secrets in it, and gives `status`.
int complain(int status, const std::string& what);
void print(const boost::json::value& value);
/// Whether the error of ask_client() says that no client runs.
bool nobody_there(const error_code& e);
/// Says why the running client cannot be asked.
int unreachable(const error_code& e);
/// The configuration; the defaults where the file does not exist yet.
LoadedConfig load_or_default(const std::filesystem::path& file);

}  // namespace surang::client
