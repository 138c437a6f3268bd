// What the command line asks of a client, answered where none runs. The running one answers `why` by the same
// words.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "client/routing/router.hpp"
#include "config/client_options.hpp"

namespace surang::client {

/// `why`, of a host however it was written: "X.com", "x.com.", "x.com:443".
boost::json::object why_of(Router& router, const std::string& host);

/// Answers `why` and `check` from the store, without a running client. The answer as Router gives it.
boost::json::object ask_offline(const config::ClientOptions& options, const std::string& what,
                                const std::string& host);

}  // namespace surang::client
