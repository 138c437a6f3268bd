#include "transports/obfs4/drbg.hpp"

#include <doctest.h>

#include <boost/endian/conversion.hpp>

#include "tests/unit/transports/obfs4/frames_rig.hpp"

using namespace surang::obfs4;
using namespace surang::obfs4::rig;
using boost::endian::load_little_u64;

TEST_CASE("SipHash gives its authors' digests") {
  // Of 00 01 02 … under the key 00 … 0f, with 0, 8 and 16 bytes of it.
  const auto message = counting<64>();
  SipHash hash{std::span(message).first<16>()};
  const auto digest = [&] {
    std::array<std::uint8_t, 8> out;
    boost::endian::store_little_u64(out.data(), hash.digest());
    return hex(out);
  };
  CHECK(digest() == "310e0edd47db6f72");
  hash.append(load_little_u64(message.data()));
  CHECK(digest() == "6224939a79f5f593");
  hash.append(load_little_u64(message.data() + 8));
  CHECK(digest() == "db9bc2577fcc2a3f");
}

TEST_CASE("a message hashed word by word has the digest of the whole, past 256 bytes too") {
  const auto key = random_bytes(crypto_shorthash_KEYBYTES), message = random_bytes(800);
  SipHash hash{std::span(key).first<16>()};
  for (std::size_t size = 0; size < message.size(); size += 8) {
    std::array<std::uint8_t, 8> whole;
    crypto_shorthash(whole.data(), message.data(), size, key.data());
    REQUIRE(hash.digest() == load_little_u64(whole.data()));
    hash.append(load_little_u64(message.data() + size));
  }
}

TEST_CASE("the generator's blocks are obfs4proxy's") {
  const auto secret = counting<72>();
  Drbg drbg{std::span(secret).last<24>()};
  constexpr std::array<std::uint64_t, 5> kBlocks{0x035eaa0346899c5c, 0x2676fb5a707e47fb, 0x4add50d7a54f61a0,
                                                 0x6d1c9b7e472c5b46, 0xa1b7fd711b7ec039};
  for (const auto block : kBlocks) CHECK(drbg.next() == block);
  CHECK(drbg.next_mask() == 0x3192);
  for (int i = 0; i < 60; ++i) drbg.next();
  CHECK(drbg.next() == 0xd691140377d582fb);
}
