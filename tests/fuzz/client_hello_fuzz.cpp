// A stranger's first bytes. The answer may not depend on what follows, nor be taken back, and a binder holds
// for the whole hello alone.
#include <cstdlib>

#include "transports/tls/client_hello.hpp"
#include "transports/tls/ticket.hpp"

using namespace surang::tls;

namespace {

// The pre-shared key of the hello in corpus/client_hello_fuzz/resumption.
constexpr std::array<std::uint8_t, 32> kPsk{'p', 's', 'k'};

void check_binder(ClientHello hello) {
  if (!binder_holds(hello, kPsk)) return;
  if (hello.psk_identities.size() != 1 || hello.binders_at >= hello.message.size()) std::abort();
  for (std::size_t i = 0; i < hello.binders_at; i += 7) {
    hello.message[i] ^= 1;
    if (binder_holds(hello, kPsk)) std::abort();
    hello.message[i] ^= 1;
  }
  hello.psk_binders[0][0] ^= 1;
  if (binder_holds(hello, kPsk)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> input(data, size);
  ClientHello hello;
  const auto whole = parse_client_hello(input, hello);
  if (whole == HelloState::complete) {
    if (hello.size > size || hello.binders_at > hello.message.size()) std::abort();
    if (hello.server_name_at && hello.server_name_at->first + hello.server_name_at->second > hello.size)
      std::abort();
    (void)ja4(hello);
    check_binder(hello);
    ClientHello again;
    if (parse_client_hello(input.first(hello.size), again) != HelloState::complete) std::abort();
    if (parse_client_hello(input.first(hello.size - 1), again) != HelloState::need_more) std::abort();
  }
  const auto half = parse_client_hello(input.first(size / 2), hello);
  if (half == HelloState::not_tls && whole != HelloState::not_tls) std::abort();
  if (half == HelloState::complete && whole != HelloState::complete) std::abort();
  return 0;
}
