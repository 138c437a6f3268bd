// The local port as curl uses it.
#include "tests/integration/client/proxy_world.hpp"

using namespace surang;
using namespace surang::test;

namespace {

const std::string kCurl = "curl -sS --max-time 20 --noproxy '' ";

}  // namespace

TEST_CASE("every way that curl knows reaches the site") {
  Origin origin;
  Proxy proxy;
  const auto port = std::to_string(origin.port);
  for (const std::string way : {"-x socks5h://", "-x socks5://", "-x socks4a://", "-x socks4://",
                                "-x http://", "--proxytunnel -x http://"})
    for (const std::string url : {"http://127.0.0.1:", "http://localhost:"}) {
      if (way == "-x socks4://" && url == "http://localhost:") continue;  // may resolve to ::1 only
      const auto got = shell(kCurl + way + proxy.at() + " " + url + port + "/");
      CHECK_MESSAGE(got.status == 0, way, url, got.out);
      CHECK(got.out == "hello\n");
    }
  CHECK(proxy.outbound.last_kind == client::FirstFlight::Kind::http);
}

TEST_CASE("a password is asked for and checked") {
  Origin origin;
  Proxy proxy(std::pair<std::string, std::string>{"ali", "p:w"});
  const auto url = " " + origin.url("/");
  for (const std::string way : {"socks5h://ali:p%3Aw@", "http://ali:p%3Aw@"}) {
    CHECK(shell(kCurl + "-x " + way + proxy.at() + url).out == "hello\n");
    CHECK(shell(kCurl + "--proxytunnel -x " + way + proxy.at() + url).out == "hello\n");
  }
  CHECK(shell(kCurl + "-o /dev/null -w '%{http_code}' -x http://" + proxy.at() + url).out == "407");
  CHECK(shell(kCurl + "-o /dev/null -w '%{http_code}' -x http://ali:no@" + proxy.at() + url).out == "407");
  CHECK(shell(kCurl + "--proxytunnel -x http://ali:no@" + proxy.at() + url).status == 56);
  CHECK(shell(kCurl + "-x socks5h://" + proxy.at() + url).status == 97);
  CHECK(shell(kCurl + "-x socks5h://ali:no@" + proxy.at() + url).status == 97);
  CHECK(shell(kCurl + "-x socks4a://" + proxy.at() + url).status == 97);
  // --proxy-anyauth is refused first and tries again on the same connection.
  CHECK(shell(kCurl + "--proxy-anyauth -x http://ali:p%3Aw@" + proxy.at() + url).out == "hello\n");
  CHECK(origin.requests == 5);
}

TEST_CASE("connections are kept on both sides") {
  Origin origin;
  Proxy proxy;
  const auto got =
      shell(kCurl + "-o /dev/null -o /dev/null -o /dev/null -w '%{num_connects}' -x http://" + proxy.at() +
            " " + origin.url("/") + " " + origin.url("/chunked") + " " + origin.url("/x"));
  CHECK(got.out == "100");
  CHECK(origin.connections == 1);
  // Another host on the same browser connection gets its own.
  const auto other = "http://localhost:" + std::to_string(origin.port) + "/";
  const auto both = shell(kCurl + "-4 -w '%{num_connects}' -x http://" + proxy.at() + " " + origin.url("/") +
                          " " + other + " " + origin.url("/"));
  CHECK(both.out == "hello\n1hello\n0hello\n0");
  CHECK(origin.connections == 4);
}

TEST_CASE("bodies pass whole, both ways and in every framing") {
  Origin origin;
  Proxy proxy;
  const auto x = "-x http://" + proxy.at() + " ";
  CHECK(shell(kCurl + x + origin.url("/chunked")).out == "hello!");
  CHECK(shell(kCurl + x + origin.url("/until-close")).out == "to the end");
  CHECK(shell(kCurl + "-0 " + x + origin.url("/chunked")).out == "hello!");
  CHECK(shell(kCurl + "-I -o /dev/null -w '%{http_code}' " + x + origin.url("/big")).out == "200");
  CHECK(shell(kCurl + "-o /dev/null -w '%{size_download}' " + x + origin.url("/big")).out == "20000000");
  CHECK(shell(kCurl + "-o /dev/null -w '%{size_download}' --proxytunnel " + x + origin.url("/big")).out ==
        "20000000");
  const auto upload =
      "--data-binary @/proc/self/exe " + x + origin.url("/echo") + " | cmp - $(readlink -f $(which curl))";
  CHECK(shell(kCurl + upload).status == 0);
  CHECK(shell(kCurl + "-H 'Transfer-Encoding: chunked' " + upload).status == 0);
  CHECK(shell(kCurl + "-H 'Expect: 100-continue' " + upload).status == 0);
  CHECK(shell(kCurl + "-H 'Expect:' " + upload).status == 0);
  CHECK(shell(kCurl + "-d x=1 " + x + origin.url("/echo")).out == "x=1");
  CHECK(origin.posts == 5);
}

TEST_CASE("an answer that comes before the request is whole is passed on") {
  Origin origin;
  Proxy proxy;
  const auto got = shell("sh -c 'head -c 30000000 /dev/zero | " + kCurl +
                         "-H \"Expect:\" -o /dev/null -w \"%{http_code}\" -T - -x http://" + proxy.at() +
                         " " + origin.url("/refuse") + "'");
  CHECK_MESSAGE(got.out.find("413") != std::string::npos, got.out);
}

TEST_CASE("failures are said in the right code") {
  Origin origin;
  Proxy proxy;
  const auto x = "-x http://" + proxy.at() + " ";
  const auto code = "-o /dev/null -w '%{http_code}' ";
  CHECK(shell(kCurl + code + x + "http://127.0.0.1:1/").out == "502");
  CHECK(shell(kCurl + x + "http://no-such-name.invalid/").out.find("no-such-name.invalid") !=
        std::string::npos);
  CHECK(shell(kCurl + code + x + origin.url("/nothing")).out == "502");
  CHECK(shell(kCurl + code + x + origin.url("/nonsense")).out == "502");
  const auto truncated = shell(kCurl + code + x + origin.url("/truncated")).status;
  CHECK((truncated == 18 || truncated == 56));
  CHECK(shell(kCurl + code + x + "http://never.test/").out == "403");
  CHECK(shell(kCurl + x + "https://never.test/").status == 56);
  CHECK(shell(kCurl + "-x socks5h://" + proxy.at() + " http://never.test/").status == 97);
  CHECK(shell(kCurl + code + x + "http://" + proxy.at() + "/").out == "403");
  CHECK(shell(kCurl + code + x + "http://localhost:" + std::to_string(proxy.port) + "/").out == "403");
  CHECK(shell(kCurl + "-x socks5h://" + proxy.at() + " http://" + proxy.at() + "/").status == 97);
  // Opened like a page, it says what it is.
  CHECK(shell(kCurl + "http://" + proxy.at() + "/").out.starts_with("This is a proxy"));
  // A tunnel has been promised by then: only a reset is left.
  const auto reset = shell(kCurl + "-x socks5h://" + proxy.at() + " http://127.0.0.1:1/").status;
  CHECK((reset == 56 || reset == 52));
}

TEST_CASE("a browser's worth of connections at once") {
  Origin origin;
  Proxy proxy;
  for (const std::string way : {"http://", "socks5h://"}) {
    const auto got = shell(kCurl + "--parallel --parallel-max 64 -x " + way + proxy.at() + " '" +
                           origin.url("/[1-200]") + "' | sort | uniq -c | tr -s ' '");
    CHECK(got.out == " 200 hello\n");
  }
}
