// Reads one TOML table key by key and says what is wrong with it, always as "FILE:LINE: what". Whatever key
// nobody asked for by finish() is unknown. Both configurations read through this; toml++ stays behind it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace surang::config {

/// A mistake in a file, in words for the person who wrote it. Leaves the folder only as Errc::bad_input.
struct ConfigError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class TomlReader {
 public:
  /// Parses a document; throws ConfigError.
  static TomlReader parse(std::string_view text, std::string file_name);

  // Each gives nothing when the key is absent and throws ConfigError when the value does not fit.
  std::optional<std::string> string(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::optional<std::vector<std::string>> strings(std::string_view key);
  std::optional<TomlReader> table(std::string_view key);
  std::vector<TomlReader> tables(std::string_view key);  ///< [[key]]

  /// The value of a key that must be there. Ask for the keys that may be absent first: what nobody has asked
  /// for yet may be this one, mistyped, and is then named.
  std::string required_string(std::string_view key);
  /// For a key that must be there and is not: names a key mistyped for it, at its line, else fails with
  /// `what`.
  [[noreturn]] void missing(std::string_view key, const std::string& what) const;

  /// Throws ConfigError at the line of `key` (of the table itself when it is absent).
  [[noreturn]] void fail(std::string_view key, const std::string& what) const;

  /// Throws ConfigError for the first key that was never asked for, naming the nearest one that was.
  void finish() const;

 private:
  struct Node;
  explicit TomlReader(std::shared_ptr<Node> node);
  std::shared_ptr<Node> node_;
};

}  // namespace surang::config
