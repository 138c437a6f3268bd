// Field arithmetic against OpenSSL's big numbers, on values around every edge and thousands of random ones.
#include "transports/obfs4/field25519.hpp"

#include <doctest.h>
#include <openssl/bn.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "tests/unit/transports/obfs4/bytes.hpp"

using namespace surang::obfs4;
using vectors::hex;

namespace {

struct FreeNumber {
  void operator()(BIGNUM* n) const { BN_free(n); }
};
using Number = std::unique_ptr<BIGNUM, FreeNumber>;
using Bytes32 = std::array<std::uint8_t, 32>;

BN_CTX* scratch() {
  static const std::unique_ptr<BN_CTX, decltype(&BN_CTX_free)> made(BN_CTX_new(), BN_CTX_free);
  return made.get();
}

Number number(const Bytes32& bytes) {
  return Number(BN_lebin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

const BIGNUM* p() {
  static const auto made = number([] {
    Bytes32 bytes{};
    bytes.fill(0xff);
    bytes[0] = 0xed;
    bytes[31] = 0x7f;
    return bytes;
  }());
  return made.get();
}

// Modulo p, as encoded() would write it.
Bytes32 written(const Number& n) {
  const Number rest(BN_new());
  REQUIRE(BN_nnmod(rest.get(), n.get(), p(), scratch()) == 1);
  Bytes32 out{};
  REQUIRE(BN_bn2lebinpad(rest.get(), out.data(), static_cast<int>(out.size())) == 32);
  return out;
}

Number result() {
  return Number(BN_new());
}

// 0, 1, 2, around 19, p/2, p, 2p, and 2^256; single bits; and what fills limbs to the brim.
std::vector<Bytes32> edges() {
  std::vector<Bytes32> out;
  for (int base = 0; base < 4; ++base)
    for (int off = -40; off <= 40; ++off) {
      auto n = result();
      REQUIRE(BN_set_word(n.get(), 0) == 1);
      if (base == 1) REQUIRE(BN_copy(n.get(), p()) != nullptr);
      if (base == 2) REQUIRE(BN_lshift1(n.get(), p()) == 1);
      if (base == 3) REQUIRE(BN_rshift1(n.get(), p()) == 1);
      if (off < 0 && base == 0) continue;
      REQUIRE((off < 0 ? BN_sub_word(n.get(), static_cast<BN_ULONG>(-off))
                       : BN_add_word(n.get(), static_cast<BN_ULONG>(off))) == 1);
      Bytes32 bytes{};
      if (BN_bn2lebinpad(n.get(), bytes.data(), 32) == 32) out.push_back(bytes);
    }
  for (int bit = 0; bit < 256; ++bit) {
    Bytes32 one{}, low{};
    one[static_cast<std::size_t>(bit / 8)] = static_cast<std::uint8_t>(1 << bit % 8);
    for (int i = 0; i <= bit; ++i)
      low[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(1 << i % 8);
    out.push_back(one);
    out.push_back(low);
  }
  return out;
}

class Values {
 public:
  Bytes32 next() {
    if (random_() % 4 == 0) return edges_[random_() % edges_.size()];
    Bytes32 out{};
    std::ranges::generate(out, [this] { return static_cast<std::uint8_t>(random_()); });
    return out;
  }

 private:
  std::mt19937_64 random_{25519};  // NOLINT: the same cases every time
  std::vector<Bytes32> edges_ = edges();
};

void check_pair(const Bytes32& x, const Bytes32& y) {
  CAPTURE(hex(x));
  CAPTURE(hex(y));
  const auto a = decoded(x), b = decoded(y);
  const auto m = number(x), n = number(y);
  auto r = result();
  REQUIRE(BN_mod_mul(r.get(), m.get(), n.get(), p(), scratch()) == 1);
  REQUIRE(hex(encoded(product(a, b))) == hex(written(r)));
  REQUIRE(BN_mod_sqr(r.get(), m.get(), p(), scratch()) == 1);
  REQUIRE(hex(encoded(square(a))) == hex(written(r)));
  REQUIRE(BN_add(r.get(), m.get(), n.get()) == 1);
  REQUIRE(hex(encoded(sum(a, b))) == hex(written(r)));
  REQUIRE(BN_sub(r.get(), m.get(), n.get()) == 1);
  REQUIRE(hex(encoded(difference(a, b))) == hex(written(r)));
  // Wide operands: (x - y)(y - (x + y)), and its square.
  REQUIRE(BN_mod_mul(r.get(), r.get(), m.get(), p(), scratch()) == 1);
  BN_set_negative(r.get(), BN_is_zero(r.get()) != 1);
  const auto wide = product(difference(a, b), difference(b, sum(a, b)));
  REQUIRE(hex(encoded(wide)) == hex(written(r)));
  REQUIRE(hex(encoded(square(difference(a, b)))) ==
          hex(encoded(product(difference(a, b), difference(a, b)))));
  REQUIRE(hex(encoded(select(mask_of(1), a, b))) == hex(encoded(a)));
  REQUIRE(hex(encoded(select(mask_of(0), a, b))) == hex(encoded(b)));
}

void check_single(const Bytes32& x) {
  CAPTURE(hex(x));
  const auto a = decoded(x);
  const auto n = number(x);
  const auto canonical = written(n);
  REQUIRE(hex(encoded(a)) == hex(canonical));
  REQUIRE((is_odd(a) != 0) == ((canonical[0] & 1) != 0));
  REQUIRE((is_zero(a) != 0) == (canonical == Bytes32{}));
  REQUIRE(is_zero(difference(a, a)) != 0);
  REQUIRE(is_zero(sum(a, reduced(negated(a)))) != 0);
  auto r = result();
  REQUIRE(BN_copy(r.get(), n.get()) != nullptr);
  REQUIRE(BN_mul_word(r.get(), 486662) == 1);
  REQUIRE(hex(encoded(times(a, 486662))) == hex(written(r)));
  if (canonical == Bytes32{}) {
    REQUIRE(is_zero(inverse(a)) != 0);
    REQUIRE(is_zero(inverse_root(a).root) != 0);
    REQUIRE(inverse_root(a).square == ~Mask{0});
    return;
  }
  REQUIRE(BN_mod_inverse(r.get(), n.get(), p(), scratch()) != nullptr);
  REQUIRE(hex(encoded(inverse(a))) == hex(written(r)));
  const auto found = inverse_root(a);
  const int jacobi = BN_kronecker(n.get(), p(), scratch());
  REQUIRE(found.square == (jacobi == 1 ? ~Mask{0} : Mask{0}));
  const auto back = product(square(found.root), a);
  REQUIRE(hex(encoded(back)) == hex(encoded(found.square != 0 ? kOne : kRootOfMinusOne)));
}

}  // namespace

TEST_CASE("every function of one number agrees with big numbers") {
  for (const auto& edge : edges()) check_single(edge);
  Values values;
  for (int i = 0; i < 3000; ++i) check_single(values.next());
}

TEST_CASE("every function of two numbers agrees with big numbers") {
  Values values;
  for (int i = 0; i < 10000; ++i) {
    const auto x = values.next();
    check_pair(x, values.next());
  }
}

TEST_CASE("limbs as full as the contract allows do not overflow") {
  for (const std::uint64_t full : {(std::uint64_t{1} << 54) - 1, (std::uint64_t{1} << 54) - (1 << 20)}) {
    const Field wide{{full, full, full, full, full}};
    const auto same = decoded(encoded(wide));
    CHECK(hex(encoded(product(wide, wide))) == hex(encoded(product(same, same))));
    CHECK(hex(encoded(square(wide))) == hex(encoded(square(same))));
    CHECK(hex(encoded(times(wide, 486662))) == hex(encoded(times(same, 486662))));
    for (const auto& out : {product(wide, wide), square(wide), times(wide, 486662), reduced(wide)})
      for (const auto limb : out.limb) CHECK(limb < (std::uint64_t{1} << 51) + (1 << 13));
    // By the definition of the limbs, in big numbers.
    auto n = result();
    REQUIRE(BN_set_word(n.get(), 0) == 1);
    for (int i = 0; i < 5; ++i) {
      REQUIRE(BN_lshift(n.get(), n.get(), 51) == 1);
      REQUIRE(BN_add_word(n.get(), full) == 1);
    }
    CHECK(hex(encoded(wide)) == hex(written(n)));
  }
}
