// A pre-shared key identity as a stranger sends it; half the inputs are made to pass the MAC, as a user's
// broken session would.
#include <algorithm>

#include "transports/tls/ticket.hpp"

using namespace surang;

namespace {

UserKey the_user() {
  UserKey user;
  user.secret.fill(9);
  return user;
}

class AnyUser final : public UserDirectory {
 public:
  std::optional<UserKey> find(const UserId& id) const override {
    auto user = the_user();
    user.id = id;
    return user;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::array<std::uint8_t, 32> bridge_key{};
  std::vector<std::uint8_t> identity(data, data + size);
  (void)tls::open_ticket(identity, bridge_key, AnyUser());
  if (size < 64) return 0;
  std::array<std::uint8_t, 32> mac_key{};
  derive_key(the_user().secret, "ticket mac", mac_key);
  const auto mac = hmac_sha256(mac_key, std::span(identity).first(size - 32));
  std::copy(mac.begin(), mac.end(), identity.end() - 32);
  (void)tls::open_ticket(identity, bridge_key, AnyUser());
  return 0;
}
