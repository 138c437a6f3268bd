// Addresses that stand for names, so that a connection to one tells which site it is for. Out of ranges for
// benchmarks, which are nobody's: 198.18.0.0/15 (RFC 2544) and 2001:2::/48 (RFC 5180), whose addresses
// programs treat like any public one. The same number stands for a name in both. Asked by capture's DNS and
// by all that meets such an address. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>

namespace surang::client::capture {

inline constexpr const char* kFakeRange4 = "198.18.0.0/15";
inline constexpr const char* kFakeRange6 = "2001:2::/48";

class FakeAddresses {
 public:
  /// `first`: the number of the first name, modulo how many there are; drawn by chance, so that what a
  /// program has kept from before a restart hardly ever stands for another name. `most`: names known at a
  /// time.
  explicit FakeAddresses(std::uint32_t first, std::size_t most = 32768);

  /// Those of `name`, in lower case; a new pair where it has none. The name that was longest without use is
  /// forgotten when there are too many.
  struct Pair {
    boost::asio::ip::address v4, v6;
  };
  Pair of(const std::string& name);
  /// The name that an address stands for; nothing for one that stands for none (any more).
  std::optional<std::string> name_at(const boost::asio::ip::address& address);
  /// Whether it is one of the ranges', whatever it stands for.
  static bool in_range(const boost::asio::ip::address& address);
  std::size_t size() const noexcept { return names_.size(); }

 private:
  struct Entry {
    std::string name;
    std::uint32_t number;
  };
  using Entries = std::list<Entry>;  // the one used last in front

  Entries entries_;
  std::unordered_map<std::string, Entries::iterator> names_;
  std::unordered_map<std::uint32_t, Entries::iterator> numbers_;
  std::uint32_t next_;
  const std::size_t most_;
};

}  // namespace surang::client::capture
