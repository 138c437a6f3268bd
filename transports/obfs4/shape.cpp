#include "transports/obfs4/shape.hpp"

#include <algorithm>
#include <span>

#include "transports/obfs4/draw.hpp"
#include "transports/obfs4/hello_text.hpp"
#include "transports/obfs4/taste.hpp"

namespace surang::obfs4 {
namespace {

constexpr std::size_t kLeast = 77, kMost = 8128;
constexpr std::size_t kOpening = 6;  // so many printable bytes at the beginning are enough

// Not opening: trying keys takes twenty times as long as the handshake itself.
constexpr std::array kChosen{Style::text, Style::phrase, Style::sparse, Style::dense};

// Some users' hellos are all short, some may be as long as any.
std::size_t draw_length(Taste& taste, std::size_t least) {
  return draw_between(least, taste.between(least + 400, kMost));
}

// Of eight bits between two and two point six are set.
Symbols sparse_symbols(Taste& taste) {
  Symbols out{};
  const auto fuller = taste.below(154);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto a = taste.below(256), b = taste.below(256), c = taste.below(256);
    out[i] = static_cast<std::uint8_t>(i < fuller ? a & (b | c) : a & b);
  }
  return out;
}

// The run begins where also a small first segment holds it.
void put_phrase(std::span<std::uint8_t> padding, Taste& taste) {
  const auto longest = taste.between(40, 240);
  const auto size = std::min(padding.size(), draw_between(24, longest));
  const auto at = draw_between(0, std::min(padding.size() - size, taste.between(0, 200)));
  HelloText(taste).fill_run(padding.subspan(at, size));
}

}  // namespace

Shape shape_of_user(const UserKey& user) {
  std::array<std::uint8_t, 33> key{};
  derive_key(user.secret, "obfs4 hello", key);
  Shape shape;
  shape.style = kChosen[key[32] % kChosen.size()];
  std::copy_n(key.begin(), shape.taste.size(), shape.taste.begin());
  return shape;
}

std::optional<Shape> shape_named(std::string_view name, const UserKey& user) {
  if (name == "plain") return Shape{};
  if (name == "printable") return shape_of_user(user);
  return std::nullopt;
}

std::optional<Shape> shape_named(std::string_view name, const NodeIdentity& bridge) {
  std::array<std::uint8_t, sizeof bridge.node_id + sizeof bridge.public_key> identity{};
  const auto rest = std::ranges::copy(bridge.node_id, identity.begin()).out;
  std::ranges::copy(bridge.public_key, rest);
  UserKey as_user;
  derive_key(identity, "obfs4 taste", as_user.secret);
  return shape_named(name, as_user);
}

Keypair shaped_keypair(const Shape& shape) {
  if (shape.style != Style::opening) return make_keypair();
  return grind_keypair([](std::span<const std::uint8_t, 32> sent) {
    return std::ranges::all_of(sent.first(kOpening), [](std::uint8_t c) { return c >= 0x20 && c <= 0x7e; });
  });
}

std::vector<std::uint8_t> shaped_padding(const Shape& shape) {
  if (shape.style == Style::plain || shape.style == Style::opening) {
    std::vector<std::uint8_t> out(draw_between(kLeast, kMost));
    draw(out);
    return out;
  }
  Taste taste(shape.taste);
  const bool bits = shape.style == Style::sparse || shape.style == Style::dense;
  std::vector<std::uint8_t> out(draw_length(taste, bits ? 320 : 120));
  if (shape.style == Style::text) {
    HelloText(taste).fill_lines(out);
    return out;
  }
  draw(out);
  if (shape.style == Style::phrase) {
    put_phrase(out, taste);
    return out;
  }
  const auto symbols = sparse_symbols(taste);
  const std::uint8_t flip = shape.style == Style::dense ? 0xff : 0;
  for (auto& byte : out) byte = symbols[byte] ^ flip;
  return out;
}

}  // namespace surang::obfs4
