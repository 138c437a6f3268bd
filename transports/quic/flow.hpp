// A DatagramFlow by a connection, the same at both ends: each datagram by a packet of its own where it fits
// one, else by the request's stream (PROTOCOL.md, quic: datagrams).
#pragma once

#include "transports/core/datagram_flow.hpp"
#include "transports/quic/stream.hpp"

namespace surang::quic {

/// Ends with the stream, whose error is its own.
DatagramFlowPtr make_flow(std::unique_ptr<QuicStream> stream);

}  // namespace surang::quic
