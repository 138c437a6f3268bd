#include "bridge-server/cover/cover_choice.hpp"

#include <doctest.h>

#include <map>

#include "tests/support/memory_stream.hpp"
#include "tests/support/run.hpp"
#include "tests/support/tls_server.hpp"
#include "transports/core/task_group.hpp"
#include "transports/tls/tls_stream.hpp"

using namespace surang;
using namespace surang::bridge;
using namespace std::chrono_literals;

namespace {

asio::awaitable<void> answer(StreamPtr raw, std::shared_ptr<SSL_CTX> context) {
  tls::SslPtr ssl(SSL_new(context.get()), SSL_free);
  SSL_set_accept_state(ssl.get());
  auto stream = tls::TlsStream::make(std::move(raw), std::move(ssl));
  (void)co_await stream->handshake();
  std::array<char, 16> block;
  (void)co_await stream->read_some(asio::buffer(block));
}

// Sites by name; silent.test never answers, others cannot be reached.
class Sites : public Dialer {
 public:
  explicit Sites(asio::io_context& io) : io_(io), tasks_(io.get_executor()) {}
  asio::awaitable<Result<StreamPtr>> dial(Endpoint to) override {
    const auto found = contexts.find(to.host());
    if (found == contexts.end()) co_return make_error_code(Errc::name_not_found);
    auto [near, far] = test::memory_stream_pair(io_.get_executor());
    if (found->second)
      tasks_.spawn(answer(std::move(far), found->second));
    else
      silent_.push_back(std::move(far));
    co_return std::move(near);
  }
  std::map<std::string, std::shared_ptr<SSL_CTX>> contexts;

 private:
  asio::io_context& io_;
  std::vector<StreamPtr> silent_;
  TaskGroup tasks_;
};

}  // namespace

TEST_CASE("a cover site speaks TLS 1.3 with X25519 and HTTP/2") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Sites dialer(io);
    auto server = test::make_tls_server("good.test");
    auto old = test::make_tls_server("good.test");
    SSL_CTX_set_max_proto_version(old.context.get(), TLS1_2_VERSION);
    auto curve = test::make_tls_server("good.test");
    SSL_CTX_set1_groups_list(curve.context.get(), "P-256");
    dialer.contexts = {{"good.test", server.context}, {"silent.test", nullptr}};
    const auto trust = test::make_tls_client(server.certificate_pem);
    std::vector<Endpoint> sites{{"gone.test", 443}, {"silent.test", 443}, {"good.test", 443}};
    const auto trials = co_await try_covers(sites, dialer, trust, 2s);
    REQUIRE(trials.size() == 3);
    CHECK(trials[0].flaw == "the name does not resolve");
    CHECK(trials[1].flaw == "took too long");
    CHECK(trials[2].flaw == "");
    const auto best = best_cover(trials);
    REQUIRE(best);
    CHECK(best->site.host() == "good.test");

    std::vector<Endpoint> again{{"good.test", 443}};
    dialer.contexts["good.test"] = old.context;
    const auto tls12 = co_await try_covers(again, dialer, test::make_tls_client(old.certificate_pem), 5s);
    CHECK(tls12[0].flaw == "no TLS 1.3");
    dialer.contexts["good.test"] = curve.context;
    const auto p256 = co_await try_covers(again, dialer, test::make_tls_client(curve.certificate_pem), 5s);
    CHECK(p256[0].flaw == "no X25519");
    dialer.contexts["good.test"] = server.context;
    const auto forged = co_await try_covers(again, dialer, test::make_tls_client(old.certificate_pem), 5s);
    CHECK(!forged[0].flaw.empty());
    CHECK(!best_cover(forged));
  });
}

TEST_CASE("a site whose tickets allow early data comes before a nearer one whose do not") {
  test::run([](asio::io_context& io) -> asio::awaitable<void> {
    Sites dialer(io);
    const auto early = test::make_tls_server("good.test", 16384);
    const auto plain = test::make_tls_server("good.test");
    const auto none = test::make_tls_server("good.test");
    SSL_CTX_set_num_tickets(none.context.get(), 0);
    std::vector<Endpoint> sites{{"good.test", 443}};
    dialer.contexts["good.test"] = early.context;
    const auto good = co_await try_covers(sites, dialer, test::make_tls_client(early.certificate_pem), 20s);
    CHECK(good[0].flaw == "");
    CHECK(good[0].remark == "");
    for (const auto* server : {&plain, &none}) {
      dialer.contexts["good.test"] = server->context;
      const auto other =
          co_await try_covers(sites, dialer, test::make_tls_client(server->certificate_pem), 20s);
      CHECK(other[0].flaw == "");
      CHECK(other[0].remark == "gives no tickets for early data, which our users' connections show");
      CHECK(best_cover(other)->site.host() == "good.test");  // still usable
      auto both = other;
      both[0].took = 0ms;
      both.push_back(good[0]);
      both[1].took = 5s;
      CHECK(best_cover(both)->remark == "");
    }
  });
}

TEST_CASE("the nearest site wins") {
  const std::vector<CoverTrial> trials{{{"a.test", 443}, 30ms, "", ""},
                                       {{"b.test", 443}, 10ms, "no HTTP/2", ""},
                                       {{"c.test", 443}, 20ms, "", ""}};
  CHECK(best_cover(trials)->site.host() == "c.test");
  CHECK(!best_cover({}));
}
