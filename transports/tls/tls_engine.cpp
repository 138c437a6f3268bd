#include "transports/tls/tls_engine.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

namespace surang::tls {
namespace {

// What one write_all encrypts before the records go to the inner stream in one write.
constexpr std::size_t kChunk = 4 * SSL3_RT_MAX_PLAIN_LENGTH;
constexpr std::size_t kChunkSlack =
    SSL3_RT_MAX_PLAIN_LENGTH;  // a little more goes along rather than by itself
constexpr std::size_t kChunkOnWire = kChunk + kChunkSlack + 2048;
// How much OpenSSL takes from the inner stream at once; given back when it has read it all.
constexpr std::size_t kReadBuffer = 4 * (SSL3_RT_MAX_PLAIN_LENGTH + 256);
constexpr int kVariedRecords = 12;
// What encryption adds to a record's text: its type and a tag.
constexpr std::size_t kRecordOverhead = 17;

// As OpenSSL wants it before each call, and much cheaper than ERR_clear_error where there is no error.
void clear_errors() {
  if (ERR_peek_error() != 0) ERR_clear_error();
}

std::vector<Bytes>& spare_buffers() {
  thread_local std::vector<Bytes> spare;
  return spare;
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const int n = static_cast<Engine*>(BIO_get_data(bio))->pull(into, size);
  // The end too: what it means is decided outside, and OpenSSL sends no alert into a closed connection.
  if (n < 0) BIO_set_retry_read(bio);
  return n;
}

int bio_write(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  static_cast<Engine*>(BIO_get_data(bio))->push(data, size);
  return size;
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* engine_bio() {
  static BIO_METHOD* const method = [] {
    auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "surang stream");
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_ctrl(m, bio_control);
    return m;
  }();
  return method;
}

}  // namespace

Bytes lend_wire_buffer() {
  auto& spare = spare_buffers();
  Bytes buffer;
  if (spare.empty()) {
    buffer.reserve(kChunkOnWire);
  } else {
    buffer = std::move(spare.back());
    spare.pop_back();
  }
  return buffer;
}

void give_back_wire_buffer(Bytes buffer) {
  if (buffer.capacity() < kChunkOnWire || buffer.capacity() > 4 * kChunkOnWire || spare_buffers().size() >= 8)
    return;
  buffer.clear();
  spare_buffers().push_back(std::move(buffer));
}

Engine::Engine(Stream& inner, SslPtr ssl, TlsTuning tuning, Bytes already_read)
    : inner_(inner), ssl_(std::move(ssl)), tuning_(tuning), ahead_(std::move(already_read)) {
  BIO* bio = BIO_new(engine_bio());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_mode(ssl_.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_set_read_ahead(ssl_.get(), 1);
  SSL_set_default_read_buffer_len(ssl_.get(), kReadBuffer);
  if (SSL_is_server(ssl_.get())) {
    if (SSL_get_max_early_data(ssl_.get()) > 0) early_ = Early::server_reading;
  } else if (const auto* session = SSL_get_session(ssl_.get())) {
    early_limit_ = SSL_SESSION_get_max_early_data(session);
    if (early_limit_ > 0) early_ = Early::client_possible;
  }
  if (tuning_.vary_records) varied_left_ = kVariedRecords;
}

bool Engine::early_accepted() const {
  return SSL_is_server(ssl_.get()) ? SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_ACCEPTED
                                   : early_done_;
}

bool Engine::can_write() const {
  return finished() || hello_answered_;
}

bool Engine::finished() const {
  return SSL_is_init_finished(ssl_.get()) == 1;
}

std::size_t Engine::early_room() const {
  if (early_ != Early::client_possible && early_ != Early::client_writing) return 0;
  return early_limit_ - std::min(early_limit_, early_used_ + kRecordOverhead);
}

Result<Engine::Step> Engine::step_handshake() {
  if (failure_) return failure_;
  if (early_ == Early::server_reading) {
    if (const auto r = read_server_early(); r.has_error()) return r.error();
    if (can_write()) return Step::done;
    if (early_ == Early::server_reading) return Step::more;
  }
  return finish_handshake();
}

Result<Engine::Step> Engine::step_to_finished() {
  if (failure_) return failure_;
  while (early_ == Early::server_reading) {
    const auto before = kept_.size();
    if (const auto r = read_server_early(); r.has_error()) return r.error();
    if (early_ == Early::server_reading && kept_.size() == before) return Step::more;
  }
  return finish_handshake();
}

Result<Engine::Step> Engine::finish_handshake() {
  // From here on OpenSSL takes no early data any more.
  if (early_ == Early::client_writing || early_ == Early::client_possible) early_ = Early::none;
  clear_errors();
  const int r = SSL_do_handshake(ssl_.get());
  if (r != 1) {
    if (SSL_get_error(ssl_.get(), r) != SSL_ERROR_WANT_READ) return fail();
    if (const auto e = wait(); e != Errc::would_block) return e;
    return Step::more;
  }
  if (tuning_.must_resume && !SSL_session_reused(ssl_.get())) {
    message_ = "the server did not resume the session";
    SSL_shutdown(ssl_.get());
    failure_ = make_error_code(Errc::proof_refused);
    return failure_;
  }
  const auto said = std::exchange(early_sent_, {});
  if (!said.empty()) {
    early_done_ = SSL_get_early_data_status(ssl_.get()) == SSL_EARLY_DATA_ACCEPTED;
    for (std::size_t at = 0; !early_done_ && at < said.size();) {
      const auto again = write(said.data() + at, said.size() - at);
      if (again.has_error()) return again.error();
      at += *again;
    }
  }
  return Step::done;
}

Result<std::size_t> Engine::write_early(const std::uint8_t* data, std::size_t size) {
  std::size_t taken = 0;
  while (taken < size && early_room() > 0) {
    const auto n = std::min(early_room(), record_size(size - taken));
    clear_errors();
    std::size_t written = 0;
    if (SSL_write_early_data(ssl_.get(), data + taken, n, &written) != 1) return fail();
    early_ = Early::client_writing;
    early_used_ += n + kRecordOverhead;
    taken += n;
  }
  early_sent_.insert(early_sent_.end(), data, data + taken);
  return taken;
}

Result<std::size_t> Engine::write(const std::uint8_t* data, std::size_t size) {
  if (failure_) return failure_;
  if (size > kChunk + kChunkSlack) size = kChunk;
  std::size_t taken = 0;
  while (taken < size) {
    const auto n = record_size(size - taken);
    clear_errors();
    std::size_t written = 0;
    const int r = finished() ? SSL_write_ex(ssl_.get(), data + taken, n, &written)
                             : SSL_write_early_data(ssl_.get(), data + taken, n, &written);
    if (r != 1) return fail();
    taken += written;
  }
  return taken;
}

Result<void> Engine::shut() {
  if (failure_) return failure_;
  clear_errors();
  const int r = SSL_shutdown(ssl_.get());
  if (r < 0 && SSL_get_error(ssl_.get(), r) != SSL_ERROR_WANT_READ) return fail();
  return Result<void>{};
}

Result<std::size_t> Engine::read(std::uint8_t* into, std::size_t size) {
  if (size == 0) return size;
  if (!kept_.empty()) {
    const auto n = std::min(size, kept_.size());
    std::copy_n(kept_.begin(), n, into);
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(n));
    if (kept_.empty()) kept_ = Bytes();
    return n;
  }
  if (failure_) return failure_;
  if (early_ == Early::server_reading) {
    const auto r = read_server_early_into(into, size);
    if (r.has_error() || *r > 0) return r;
  }
  // Before the server's first byte OpenSSL is not asked, so that early data may still be written.
  if ((early_ == Early::client_possible || early_ == Early::client_writing) && !peek()) return wait();
  if (!finished()) {
    const auto step = finish_handshake();
    if (step.has_error()) return step.error();
    if (*step == Step::more) return make_error_code(Errc::would_block);
  }
  std::size_t total = 0;
  while (total < size) {
    std::size_t n = 0;
    clear_errors();
    const int r = SSL_read_ex(ssl_.get(), into + total, size - total, &n);
    total += r == 1 ? n : 0;
    if (r == 1) continue;
    const int reason = SSL_get_error(ssl_.get(), r);
    if (reason == SSL_ERROR_ZERO_RETURN) return total;
    const auto why = reason == SSL_ERROR_WANT_READ ? wait() : fail();
    if (total == 0) return why;
    break;
  }
  return total;
}

// Nothing more to read now: for the moment, or because the inner stream has ended in the middle.
error_code Engine::wait() {
  if (inner_end_) {
    failure_ = inner_end_;
    return failure_;
  }
  starved_ = true;
  return make_error_code(Errc::would_block);
}

error_code Engine::fail() {
  const auto code = ERR_peek_last_error();
  char text[256] = "TLS failed";
  if (code != 0) ERR_error_string_n(code, text, sizeof text);
  message_ = text;
  const bool certificate =
      ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  failure_ = make_error_code(certificate ? Errc::certificate : Errc::protocol);
  ERR_clear_error();
  return failure_;
}

// One record of early data into `into`; 0 when it has ended.
Result<std::size_t> Engine::read_server_early_into(std::uint8_t* into, std::size_t size) {
  std::size_t n = 0;
  clear_errors();
  switch (SSL_read_early_data(ssl_.get(), into, size, &n)) {
    case SSL_READ_EARLY_DATA_SUCCESS:
      hello_answered_ = true;
      return n;
    case SSL_READ_EARLY_DATA_FINISH:
      hello_answered_ = true;
      early_ = Early::none;
      return std::size_t{0};
    default:
      if (SSL_get_error(ssl_.get(), 0) != SSL_ERROR_WANT_READ) return fail();
      // OpenSSL answers the hello before it looks for early data.
      hello_answered_ = SSL_get_state(ssl_.get()) == TLS_ST_EARLY_DATA;
      return wait();
  }
}

Result<void> Engine::read_server_early() {
  Bytes record(SSL3_RT_MAX_PLAIN_LENGTH);
  const auto r = read_server_early_into(record.data(), record.size());
  if (r.has_error()) {
    if (r.error() != Errc::would_block) return r.error();
  } else {
    kept_.insert(kept_.end(), record.begin(), record.begin() + static_cast<std::ptrdiff_t>(*r));
  }
  return Result<void>{};
}

// Has the server said anything yet? Keeps the first bytes for pull().
bool Engine::peek() {
  if (!ahead_.empty() || inner_end_) return true;
  Bytes first(2048);
  const int n = pull(reinterpret_cast<char*>(first.data()), static_cast<int>(first.size()));
  if (n <= 0) return inner_end_.failed();
  first.resize(static_cast<std::size_t>(n));
  ahead_ = std::move(first);
  return true;
}

int Engine::pull(char* into, int size) {
  const auto asked = static_cast<std::size_t>(size);
  if (!ahead_.empty()) {
    const auto n = std::min(asked, ahead_.size());
    std::copy_n(ahead_.begin(), n, into);
    ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(n));
    if (ahead_.empty()) ahead_ = Bytes();
    return static_cast<int>(n);
  }
  if (drained_ || inner_end_) return -1;
  const auto r = inner_.try_read(asio::buffer(into, asked));
  if (r.has_error()) {
    if (r.error() != Errc::would_block) inner_end_ = r.error();
    return -1;
  }
  if (*r == 0) {
    inner_end_ = make_error_code(Errc::truncated);
    return -1;
  }
  // A short read emptied the inner stream: asking again would only cost a system call.
  drained_ = *r < asked;
  return static_cast<int>(*r);
}

void Engine::push(const char* data, int size) {
  if (out_.capacity() == 0) out_ = lend_wire_buffer();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data);  // of the vector's type, or it loops
  out_.insert(out_.end(), bytes, bytes + size);
}

// How many of the bytes left go into the next SSL_write.
std::size_t Engine::record_size(std::size_t left) {
  if (varied_left_ == 0) return left;
  --varied_left_;
  std::uint16_t random = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&random), sizeof random);
  return std::min<std::size_t>(left, 1150 + random % 2900);
}

}  // namespace surang::tls
