// Which lanes worked on which network, in SQLite, so that the first dial after a start goes to what worked
// there. Holds hashes, times and counts. Written when the pool changes lanes; a call takes microseconds.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "client/bridges/lane_record.hpp"

namespace surang::client {

class LaneStore {
 public:
  /// Opens or makes the file (0600); one that cannot be used is put aside as FILE.broken and begun anew.
  /// Empty path, and where no file works: in memory.
  explicit LaneStore(const std::filesystem::path& file = {});
  ~LaneStore();

  /// A default one when nothing is known.
  LaneRecord find(const std::string& network, const std::string& lane) const;
  /// Drops what was written longest ago when there is too much.
  void put(const std::string& network, const std::string& lane, const LaneRecord& record);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace surang::client
