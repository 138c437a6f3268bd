// Verdicts and their evidence in SQLite: survives crashes (WAL) and is bounded. Thread safe; every call takes
// microseconds, so it is made on the executor's own thread.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/detection/verdict.hpp"

namespace surang::client {

class VerdictStore {
 public:
  static constexpr std::size_t kMaxRows = 100'000;

  /// Opens or makes the file (0600); one that is no database any more is put aside as FILE.broken and begun
  /// anew. Empty path: in memory. Throws std::runtime_error when neither works.
  explicit VerdictStore(const std::filesystem::path& file, std::size_t max_rows = kMaxRows);
  ~VerdictStore();

  /// Replaces what was known of the same (network, subject, scope, family). Drops the least recently used
  /// rows when there are too many.
  void put(const Verdict& verdict);
  /// Expired ones included. With several families, the one that expires last.
  std::optional<Verdict> find(std::string_view network, std::string_view subject, Scope scope) const;
  /// A connection went by it: its registrable domain is in use.
  void used(const Verdict& verdict, UnixSeconds now);
  void erase(std::string_view network, std::string_view subject, Scope scope);
  /// It holds no longer, whatever its family; what is remembered of it stays.
  void end(std::string_view network, std::string_view subject, Scope scope, UnixSeconds now);
  /// On one network, or on all when `network` is empty; those that expire last first.
  std::vector<Verdict> list(std::string_view network, std::size_t limit = 1000) const;
  /// Hosts of the same registrable domain (or with the same tried address) convicted and not expired at
  /// `now`.
  std::vector<Verdict> siblings(std::string_view network, std::string_view domain, UnixSeconds now) const;
  std::vector<Verdict> at_address(std::string_view network, std::string_view address, UnixSeconds now) const;
  /// Hosts' verdicts that hold, are to be probed by now, and were used since they last were.
  std::vector<Verdict> to_probe(std::string_view network, UnixSeconds now) const;
  std::size_t rows() const;

  /// The last eight are kept for every host and network.
  void add_evidence(std::string_view network, std::string_view host, const Evidence& evidence);
  std::vector<Evidence> evidence(std::string_view network, std::string_view host) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::client
