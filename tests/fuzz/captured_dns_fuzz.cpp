// A program's question to a name server, and what is answered by ourselves: an answer that answers it and
// that c-ares reads. A second half, after the first, is taken for the reply of a server.
#include <cstdlib>

#include "client/capture/dns_question.hpp"
#include "client/dns/dns_message.hpp"
#include "client/dns/name_servers.hpp"

using namespace surang::client;
using namespace surang::client::capture;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span all(data, size);
  (void)answers(all.subspan(size / 2), all.first(size / 2));
  (void)parse_search_domains({reinterpret_cast<const char*>(data), size});
  const auto question = DnsQuestion::parse(all);
  if (!question) return 0;
  if (question->size > size || question->name.size() > 253) std::abort();
  const std::vector fakes{boost::asio::ip::make_address("198.18.0.1"),
                          boost::asio::ip::make_address("2001:2::1")};
  const auto answer = make_dns_answer(all, *question, DnsCode::ok, fakes);
  if (!answers(answer, all)) std::abort();
  const bool for_address = question->type == kTypeA || question->type == kTypeAaaa;
  if (!for_address || !question->internet) return 0;
  const auto read = parse_dns_reply(answer, all);
  if (!question->name.empty() && (read.kind != DnsReply::Kind::answer || read.addresses.size() != 1))
    std::abort();
  return 0;
}
