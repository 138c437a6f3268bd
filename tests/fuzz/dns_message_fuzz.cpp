// A name server's reply: the first byte chooses the question, the next two become the id that it must repeat.
#include <cstdlib>

#include "client/dns/dns_message.hpp"
#include "client/dns/name_servers.hpp"

using namespace surang::client;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const auto type = data[0] & 1 ? RecordType::aaaa : RecordType::a;
  const auto query = make_dns_query(data[0] & 2 ? "x.example" : "www.example.com", type,
                                    static_cast<std::uint16_t>(data[1] << 8 | data[2]));
  const auto reply = parse_dns_reply({data + 1, size - 1}, query);
  for (const auto& a : reply.addresses)
    if (a.is_v6() != (type == RecordType::aaaa)) std::abort();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (parse_resolv_conf(text).size() > 8) std::abort();
  (void)parse_hosts(text);
  return 0;
}
