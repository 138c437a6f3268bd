// The list of known block pages as data: the shipped block_pages.toml, compiled in, and the person's own
// files after it. client_config reads it; client/detection/block_pages looks for what it holds.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace surang::config {

struct BlockPageMark {
  enum class Kind {
    place,   ///< part of a Location or of a frame's source: "warning.isp.example", "10.10.34.34"
    phrase,  ///< words within the first 4 KB of a short page
    header,  ///< "Name: how its value begins"
  };
  Kind kind = Kind::place;
  std::string text;
  friend bool operator==(const BlockPageMark&, const BlockPageMark&) = default;
};

struct BlockPageList {
  static constexpr std::size_t kMost = 4000;                   ///< marks in all
  static constexpr std::size_t kShortest = 6, kLongest = 200;  ///< bytes of one
  std::vector<BlockPageMark> marks;
  friend bool operator==(const BlockPageList&, const BlockPageList&) = default;
};

const BlockPageList& shipped_block_pages();

/// Takes out what `toml` disables, then adds what it holds. Throws ConfigError.
void extend_block_pages(BlockPageList& list, std::string_view toml, const std::string& file_name);

}  // namespace surang::config
