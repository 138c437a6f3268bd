// An hour without any network, beside a browser that goes on retrying: what that may cost, and that nothing
// is learnt from it. judge_accuracy runs it for every kind of outage.
#pragma once

#include <string>

namespace surang::judge {

/// Prints PASS or FAIL for each limit of each case; returns how many failed. `ca_file` is written to.
int judge_outages(const std::string& ca_file, unsigned seed);

}  // namespace surang::judge
