#include "transports/https/https_dialer.hpp"

#include <openssl/ssl.h>

#include <ctime>

#include "transports/tcp/carrier.hpp"
#include "transports/tls/hello_profile.hpp"
#include "transports/tls/ticket.hpp"
#include "transports/tls/tls_stream.hpp"

namespace surang::https {
namespace {

struct Names {
  std::string sni;
  std::string alpn;  ///< as TLS writes it
};

// One connection of the bridge's user, its session minted, nothing sent yet; empty when OpenSSL refuses.
tls::SslPtr make_connection(SSL_CTX* context, const BridgeIdentity& bridge, const Names& names,
                            const tls::SessionSeed& seed) {
  const auto minted = tls::mint_session(bridge.user, bridge.public_key, seed);
  const auto* der = minted.der.data();
  const std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)> session(
      d2i_SSL_SESSION(nullptr, &der, static_cast<long>(minted.der.size())), SSL_SESSION_free);
  tls::SslPtr ssl(SSL_new(context), SSL_free);
  if (!session || !ssl || SSL_set_tlsext_host_name(ssl.get(), names.sni.c_str()) != 1 ||
      SSL_set1_host(ssl.get(), names.sni.c_str()) != 1 ||
      SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(names.alpn.data()),
                          static_cast<unsigned>(names.alpn.size())) != 0 ||
      SSL_set_session(ssl.get(), session.get()) != 1)
    return {nullptr, SSL_free};
  SSL_set_connect_state(ssl.get());
  return ssl;
}

class HttpsDialer final : public TransportDialer {
 public:
  HttpsDialer(std::uint16_t port, const BridgeIdentity& bridge, Names names, Dialer& tcp)
      : port_(port),
        bridge_(bridge),
        names_(std::move(names)),
        tcp_(tcp),
        context_(tls::make_hello_context(bridge.user)) {}

  std::string_view name() const noexcept override { return "https"; }

  asio::awaitable<Result<Authenticated>> connect() override {
    auto raw = co_await dial_carrier(tcp_, bridge_.hosts, port_);
    if (raw.has_error()) co_return raw.error();
    co_return over(std::move(*raw));
  }

 private:
  // Nothing is sent yet: hello and first write leave together.
  Result<Authenticated> over(StreamPtr raw) {
    const auto seed = tls::draw_session_seed(std::time(nullptr));
    auto ssl = make_connection(context_.get(), bridge_, names_, seed);
    if (!ssl) return make_error_code(Errc::protocol);
    tls::TlsTuning tuning;
    tuning.must_resume = true;
    tuning.vary_records = true;
    Authenticated out;
    out.stream = tls::TlsStream::make(std::move(raw), std::move(ssl), tuning);
    out.user = bridge_.user.id;
    out.binding = tls::session_binding(seed.psk);
    out.early_data = true;
    return out;
  }

  std::uint16_t port_;
  BridgeIdentity bridge_;
  Names names_;
  Dialer& tcp_;
  std::shared_ptr<SSL_CTX> context_;
};

// "h2,http/1.1" in the form of RFC 7301; false when it is no list or lacks h2.
bool read_alpn(std::string_view text, std::string& wire) {
  bool h2 = false;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const auto name = text.substr(0, comma);
    if (name.empty() || name.size() > 64) return false;
    h2 = h2 || name == "h2";
    (wire += static_cast<char>(name.size())) += name;
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return h2;
}

// What the link's parameters say; an error with its reason in `why`.
Result<Names> read_names(const TransportSpec& spec, std::string& why) {
  const auto refuse = [&why](std::string text) {
    why = std::move(text);
    return make_error_code(Errc::bad_input);
  };
  const auto sni = spec.params.find("sni");
  if (sni == spec.params.end() || sni->second.empty())
    return refuse("https needs sni=, the name of the site the bridge shows to strangers");
  const auto site = Endpoint::make(sni->second, 443);
  if (site.has_error()) return refuse("https: sni=" + sni->second + " is no host name");
  if (site->address()) return refuse("https: sni= must be a name, not an address");
  Names names;
  names.sni = site->host();
  const auto alpn = spec.params.find("alpn");
  if (!read_alpn(alpn == spec.params.end() ? "h2,http/1.1" : alpn->second, names.alpn))
    return refuse("https: alpn= must be a list with h2 in it, such as h2,http/1.1");
  return names;
}

}  // namespace

Result<std::unique_ptr<TransportDialer>> make_dialer(const TransportSpec& spec, const BridgeIdentity& bridge,
                                                     Dialer& tcp, std::string& why) {
  const auto refuse = [&why](std::string text) {
    why = std::move(text);
    return make_error_code(Errc::bad_input);
  };
  if (bridge.hosts.empty()) return refuse("the bridge has no address");
  if (spec.port == 0) return refuse("https needs a port other than 0");
  auto names = read_names(spec, why);
  if (names.has_error()) return names.error();
  return std::unique_ptr<TransportDialer>(
      std::make_unique<HttpsDialer>(spec.port, bridge, std::move(*names), tcp));
}

Result<std::string> hello_ja4(const TransportSpec& spec, const BridgeIdentity& bridge, std::string& why) {
  const auto names = read_names(spec, why);
  if (names.has_error()) return names.error();
  const auto context = tls::make_hello_context(bridge.user);
  auto ssl = make_connection(context.get(), bridge, *names, tls::draw_session_seed(std::time(nullptr)));
  const auto told = ssl ? tls::hello_ja4(std::move(ssl)) : std::nullopt;
  if (told) return *told;
  why = "OpenSSL writes no hello";
  return make_error_code(Errc::protocol);
}

}  // namespace surang::https
