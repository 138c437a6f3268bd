// The cert of a bridge line or a link: what is read is written the same way, and nothing else is read.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "transports/obfs4/identity.hpp"

using namespace surang::obfs4;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (const auto node = parse_cert(text)) {
    const auto written = format_cert(*node);
    if (text != written && text != written + "==") std::abort();
  }
  if (size < 52) return 0;
  NodeIdentity node;
  std::copy_n(data, node.node_id.size(), node.node_id.begin());
  std::copy_n(data + node.node_id.size(), node.public_key.size(), node.public_key.begin());
  const auto read = parse_cert(format_cert(node));
  if (!read || *read != node) std::abort();
  return 0;
}
