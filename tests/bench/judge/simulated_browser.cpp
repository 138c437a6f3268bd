#include "tests/bench/judge/simulated_browser.hpp"

#include <boost/asio/use_awaitable.hpp>
#include <string_view>

#include "tests/bench/judge/simulated_stream.hpp"

namespace surang::judge {
namespace {

using namespace std::chrono_literals;

constexpr Clock::duration kPatience = 30s;  // with a page that does not go on
constexpr std::size_t kBlock = 64 * 1024;

// What is still to come of a plain answer that begins so; nothing where it is not the one that was asked for.
std::optional<std::size_t> left_of(std::span<const std::uint8_t> answer, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(answer.data()), answer.size());
  const auto end = text.find("\r\n\r\n");
  const auto length = "Content-Length: " + std::to_string(size) + "\r\n";
  if (end == text.npos || text.find(length) > end) return std::nullopt;
  const auto whole = end + 4 + size;
  return whole - std::min(whole, answer.size());
}

asio::awaitable<bool> read_all(Stream& stream, std::size_t left) {
  std::vector<std::uint8_t> block(kBlock);
  while (left > 0) {
    const auto n = co_await stream.read_some_for(asio::buffer(block), kPatience);
    if (!n || *n == 0) co_return false;
    left -= std::min(left, *n);
  }
  co_return true;
}

}  // namespace

asio::awaitable<Loaded> load(SimulatedNetwork& network, client::Router& router, const Site& site,
                             std::size_t size) {
  Loaded loaded;
  const Endpoint to(site.name, site.plain ? 80 : 443);
  auto flight = network.browser_flight(site, size);
  auto begun = router.begin(to);
  auto opened = co_await router.open(to, std::move(flight), std::move(begun));
  if (!opened) co_return loaded;
  loaded.way = opened->way;
  auto& stream = *opened->stream;
  const auto& answer = opened->first_answer;
  if (site.plain) {
    const auto left = left_of(answer, size);
    if (left) loaded.whole = co_await read_all(stream, *left);
  } else if (tells_impostor(answer)) {
    const auto alert = certificate_alert();
    (void)co_await stream.write_all(asio::buffer(alert));
  } else {
    const auto request = request_record(size);
    const auto asked = co_await stream.write_all(asio::buffer(request));
    if (asked) loaded.whole = co_await read_all(stream, size);
  }
  stream.close();
  if (opened->watch) opened->watch->ended(answer.size(), !loaded.whole, {});
  co_return loaded;
}

}  // namespace surang::judge
