// What a censor reads in the first bytes a client sends: the server name of a TLS hello, the Host of an HTTP
// request, or bytes that look like nothing at all. Written apart from the product's own parsers on purpose,
// so that a mistake in one does not hide in the other. Pure.
#pragma once

#include <optional>
#include <string>

#include "tests/censor/middlebox/packet.hpp"

namespace surang::censor {

enum class Seen { need_more, name, nothing };

/// The SNI as soon as its bytes are there, the hello need not be whole. Most real boxes look at the first TLS
/// record only; `across_records` joins the records first.
Seen read_server_name(View flow, bool across_records, std::string& name);

/// A ClientHello that goes on beyond its first TLS record, as soon as both lengths are there.
bool spans_records(View flow);

/// The Host field of an HTTP/1 request.
Seen read_http_host(View flow, std::string& host);

/// The five published exemptions of the Great Firewall's rule for fully encrypted traffic: none applies.
bool looks_random(View first_payload);

}  // namespace surang::censor
