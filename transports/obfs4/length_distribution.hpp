// What obfs4's traffic is shaped by: distributions over lengths and pauses that a bridge's seed decides, the
// same as obfs4proxy makes of it (PROTOCOL.md, obfs4, Frames). For obfs4_stream.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "transports/obfs4/drbg.hpp"

namespace surang::obfs4 {

/// Up to 100 values in 0..max, each with its own probability.
class WeightedDistribution {
 public:
  /// `max` is at most 65535.
  WeightedDistribution(const Seed& seed, unsigned max);

  /// By the system's randomness.
  unsigned sample() const;
  /// The value for a column and 0 <= coin < 1, both drawn evenly.
  unsigned pick(std::size_t column, double coin) const noexcept {
    const auto& c = table_[column];
    return coin <= c.own ? c.value : table_[c.alias].value;
  }

  /// Of Vose's alias method: of a column that was drawn, which all are as often, its value comes with
  /// probability `own`, else that of the column `alias`.
  struct Column {
    double own;
    std::uint16_t value, alias;
    friend bool operator==(const Column&, const Column&) = default;
  };
  const std::vector<Column>& table() const noexcept { return table_; }

 private:
  std::vector<Column> table_;
};

/// All of a connection's shape. Shared by the connections of a bridge.
struct Shaping {
  explicit Shaping(const Seed& s);
  static std::shared_ptr<const Shaping> draw();  ///< of a seed from the system's randomness
  static std::shared_ptr<const Shaping> own();   ///< one drawn once for this thread: for who is told one soon
  /// What this thread's last one was of that seed, or a new one: a bridge tells all connections the same.
  static std::shared_ptr<const Shaping> of(const Seed& seed);

  Seed seed;
  WeightedDistribution length;  ///< of the last piece of a burst, 0..1448 bytes
  WeightedDistribution pause;   ///< between writes, 0..100 times 100 microseconds
};

}  // namespace surang::obfs4
