#include "client/detection/probe_flight.hpp"

#include <openssl/ssl.h>

#include <memory>
#include <stdexcept>

#include "transports/core/endpoint.hpp"

namespace surang::client {

FirstFlight tls_probe_flight(const std::string& host) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  if (!context) throw std::runtime_error("no TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context.get()), SSL_free);
  if (!ssl) throw std::runtime_error("no TLS connection");
  const bool named = !address_literal(host);
  if (named) SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  constexpr unsigned char kAlpn[] = "\x02h2\x08http/1.1";
  SSL_set_alpn_protos(ssl.get(), kAlpn, sizeof kAlpn - 1);
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(ssl.get());  // wants to read the answer; the hello is in `out` by then
  FirstFlight flight;
  flight.kind = FirstFlight::Kind::tls;
  flight.host = named ? host : std::string();
  flight.replayable = true;
  flight.bytes.resize(static_cast<std::size_t>(BIO_pending(out)));
  if (flight.bytes.empty() || BIO_read(out, flight.bytes.data(), static_cast<int>(flight.bytes.size())) !=
                                  static_cast<int>(flight.bytes.size()))
    throw std::runtime_error("no ClientHello");
  return flight;
}

namespace {

FirstFlight http_flight(const std::string& method, const std::string& host) {
  FirstFlight flight;
  flight.kind = FirstFlight::Kind::http;
  flight.host = host;
  flight.method = method;
  flight.replayable = true;
  const auto bracketed = host.find(':') == host.npos ? host : '[' + host + ']';
  const auto text =
      method + " / HTTP/1.1\r\nHost: " + bracketed + "\r\nAccept: */*\r\nConnection: close\r\n\r\n";
  flight.bytes.assign(text.begin(), text.end());
  return flight;
}

}  // namespace

FirstFlight http_probe_flight(const std::string& host) {
  return http_flight("HEAD", host);
}

FirstFlight page_probe_flight(const std::string& host) {
  return http_flight("GET", host);
}

FirstFlight probe_flight_for(const std::string& host, std::uint16_t port) {
  return port == 80 || port == 8080 ? http_probe_flight(host) : tls_probe_flight(host);
}

}  // namespace surang::client
