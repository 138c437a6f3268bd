// Everything of a TLS connection but the waiting: OpenSSL between the inner stream's bytes and ours, early
// data of both ends included. Only tls_stream.cpp uses it, which does the waiting.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>
#include <vector>

#include "transports/tls/tls_stream.hpp"

namespace surang::tls {

using Bytes = std::vector<std::uint8_t>;

/// Buffers for records on their way out, lent by the thread and given back when they are sent, so that an
/// idle connection holds none.
Bytes lend_wire_buffer();
void give_back_wire_buffer(Bytes buffer);

class Engine {
 public:
  enum class Step { done, more };

  /// Reads from `inner` by try_read alone; what it writes collects in its output.
  Engine(Stream& inner, SslPtr ssl, TlsTuning tuning, Bytes already_read);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  SSL* ssl() const { return ssl_.get(); }
  const std::string& message() const { return message_; }
  const error_code& failure() const { return failure_; }
  bool early_accepted() const;

  /// Whether only more bytes of the inner stream can bring reading on.
  bool starved() const { return starved_ && !failure_; }
  /// More bytes may have come.
  void feed() { starved_ = drained_ = false; }

  bool has_output() const { return !out_.empty(); }
  Bytes take_output() { return std::exchange(out_, {}); }

  /// Towards being allowed to write (a server taking early data may before the client's Finished).
  Result<Step> step_handshake();
  /// Towards the peer's Finished; early data is kept for read().
  Result<Step> step_to_finished();
  bool can_write() const;
  bool finished() const;

  /// Client: bytes that may still go as early data in one more record; 0 when none.
  std::size_t early_room() const;
  /// Encrypts from `data` what may go as early data; the bytes taken.
  Result<std::size_t> write_early(const std::uint8_t* data, std::size_t size);

  /// Encrypts from `data` what is worth one write to the inner stream; the bytes taken.
  Result<std::size_t> write(const std::uint8_t* data, std::size_t size);
  Result<std::size_t> read(std::uint8_t* into, std::size_t size);
  /// close_notify.
  Result<void> shut();

  // The two ends of the BIO.
  int pull(char* into, int size);
  void push(const char* data, int size);

 private:
  enum class Early {
    none,
    client_possible,  // nothing sent yet, the session allows early data
    client_writing,   // ClientHello and early data sent, no answer looked at yet
    server_reading,   // early data may come
  };

  error_code wait();
  error_code fail();
  Result<Step> finish_handshake();
  Result<std::size_t> read_server_early_into(std::uint8_t* into, std::size_t size);
  Result<void> read_server_early();
  bool peek();
  std::size_t record_size(std::size_t left);

  Stream& inner_;
  SslPtr ssl_;
  TlsTuning tuning_;
  Early early_ = Early::none;
  std::size_t early_limit_ = 0;
  std::size_t early_used_ = 0;   // of the limit, as a server counts that cannot decrypt what it skips
  Bytes early_sent_;             // to be said again if the server refuses it
  bool early_done_ = false;      // client: the server took the early data
  bool hello_answered_ = false;  // server: our flight is written
  Bytes kept_;                   // early data read before anybody asked
  Bytes ahead_;                  // taken from the inner stream, not seen by OpenSSL yet
  Bytes out_;
  bool starved_ = false;  // OpenSSL wants more than has come
  bool drained_ = false;  // the inner stream had no more at the last look
  int varied_left_ = 0;
  error_code inner_end_;  // how the inner stream's reading side ended
  error_code failure_;
  std::string message_;
};

}  // namespace surang::tls
