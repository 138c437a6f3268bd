#include "client/capture/dns_question.hpp"

#include <doctest.h>

#include "client/dns/dns_message.hpp"

using namespace surang::client;
using namespace surang::client::capture;
using boost::asio::ip::make_address;

TEST_CASE("a question is read, whatever case its name has") {
  const auto query = make_dns_query("WWW.Example.com", RecordType::aaaa, 0x1234);
  const auto question = DnsQuestion::parse(query);
  REQUIRE(question);
  CHECK(question->name == "www.example.com");
  CHECK(question->type == kTypeAaaa);
  CHECK(question->internet);
  CHECK(question->edns);
  CHECK(question->size == 12 + 17 + 4);
}

TEST_CASE("what is no single question for a name is none") {
  const auto query = make_dns_query("www.example.com", RecordType::a, 7);
  for (std::size_t size = 0; size < 12 + 17 + 4; ++size)
    CHECK_MESSAGE(!DnsQuestion::parse(std::span(query).first(size)), size);
  const auto with = [&](std::size_t at, std::uint8_t value) {
    auto other = query;
    other[at] = value;
    return DnsQuestion::parse(other);
  };
  CHECK(!with(2, 0x81));  // a reply
  CHECK(!with(2, 0x29));  // an update
  CHECK(!with(5, 2));     // two questions
  CHECK(!with(5, 0));
  CHECK(!with(12, 0xc0));  // compressed
  CHECK(with(12 + 17 + 3, 3)->internet == false);
  CHECK(with(13, '@')->name.empty());  // no host's name
  auto root = query;
  root.erase(root.begin() + 12, root.begin() + 12 + 16);
  REQUIRE(DnsQuestion::parse(root));
  CHECK(DnsQuestion::parse(root)->name.empty());
}

TEST_CASE("answers are such that a resolver takes them") {
  const auto query = make_dns_query("www.example.com", RecordType::a, 0x4321);
  const auto question = DnsQuestion::parse(query);
  REQUIRE(question);
  const std::vector both{make_address("198.18.0.1"), make_address("2001:2::1")};
  const auto answer = make_dns_answer(query, *question, DnsCode::ok, both);
  auto read = parse_dns_reply(answer, query);
  CHECK((read.kind == DnsReply::Kind::answer));
  REQUIRE(read.addresses.size() == 1);
  CHECK((read.addresses[0] == both[0]));
  CHECK(read.ttl == std::chrono::seconds(kFakeTtl));
  CHECK(read.edns);
  CHECK(answers(answer, query));
  read = parse_dns_reply(make_dns_answer(query, *question, DnsCode::no_such_name), query);
  CHECK((read.kind == DnsReply::Kind::no_such_name));
  read = parse_dns_reply(make_dns_answer(query, *question, DnsCode::ok), query);
  CHECK((read.kind == DnsReply::Kind::answer));
  CHECK(read.addresses.empty());

  const auto query6 = make_dns_query("www.example.com", RecordType::aaaa, 1);
  const auto answer6 = make_dns_answer(query6, *DnsQuestion::parse(query6), DnsCode::ok, both);
  read = parse_dns_reply(answer6, query6);
  REQUIRE(read.addresses.size() == 1);
  CHECK((read.addresses[0] == both[1]));
  CHECK(!answers(answer6, query));
  auto another = query;
  another[0] ^= 1;
  CHECK(!answers(answer, another));
  CHECK(!answers(query, query));
  another = make_dns_query("xxx.example.com", RecordType::a, 0x4321);
  CHECK(!answers(answer, another));
}
