#include "transports/tls/server_context.hpp"

#include <openssl/err.h>

#include <string_view>

namespace surang::tls {
namespace {

int choose_protocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  static constexpr std::string_view kOurs("\x02h2\x08http/1.1");
  unsigned char* chosen = nullptr;
  const auto found =
      SSL_select_next_proto(&chosen, size, reinterpret_cast<const unsigned char*>(kOurs.data()),
                            static_cast<unsigned>(kOurs.size()), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

Result<std::shared_ptr<SSL_CTX>> make_server_context(const std::filesystem::path& chain,
                                                     const std::filesystem::path& key, std::string& why) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  const auto refuse = [&why](std::string text) {
    ERR_clear_error();
    why = std::move(text);
    return make_error_code(Errc::bad_input);
  };
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1)
    return refuse("OpenSSL gives no context");
  if (SSL_CTX_use_certificate_chain_file(context.get(), chain.string().c_str()) != 1)
    return refuse("no certificate in PEM form can be read from " + chain.string());
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.string().c_str(), SSL_FILETYPE_PEM) != 1)
    return refuse("no key in PEM form that fits the certificate can be read from " + key.string());
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  return context;
}

}  // namespace surang::tls
