#include "tests/support/h2_frames.hpp"

#include <nghttp2/nghttp2.h>

namespace surang::test::h2 {

void each(std::string_view bytes, const std::function<void(const Seen&)>& look) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
  };
  while (bytes.size() >= 9) {
    const std::size_t length = byte(0) << 16 | byte(1) << 8 | byte(2);
    if (bytes.size() < 9 + length) return;
    look({static_cast<std::uint8_t>(byte(3)), static_cast<std::uint8_t>(byte(4)),
          (byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8)) & 0x7fffffffu, bytes.substr(9, length)});
    bytes.remove_prefix(9 + length);
  }
}

std::map<std::uint32_t, std::string> statuses(std::string_view bytes) {
  std::map<std::uint32_t, std::string> found;
  nghttp2_hd_inflater* inflater = nullptr;
  nghttp2_hd_inflate_new(&inflater);
  each(bytes, [&](const Seen& seen) {
    if (seen.type != NGHTTP2_HEADERS) return;
    auto block = seen.payload;
    if (seen.flags & NGHTTP2_FLAG_PADDED) {
      const std::size_t padding = static_cast<unsigned char>(block[0]);
      block = block.substr(1, block.size() - 1 - padding);
    }
    const auto* at = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const auto n = nghttp2_hd_inflate_hd2(inflater, &field, &flags, at, left, 1);
      if (n < 0) return;
      at += n;
      left -= static_cast<std::size_t>(n);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        const std::string name(reinterpret_cast<char*>(field.name), field.namelen);
        if (name == ":status")
          found[seen.stream].assign(reinterpret_cast<char*>(field.value), field.valuelen);
      }
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
      if (left == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater);
  });
  nghttp2_hd_inflate_del(inflater);
  return found;
}

}  // namespace surang::test::h2
