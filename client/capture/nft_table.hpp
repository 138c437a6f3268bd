// A table of nf_tables that lives no longer than this process: the kernel takes a table with the flag `owner`
// away together with the netlink socket that made it, however the process ends. By libnftables, which is
// looked for when it is needed, so that a machine that captures nothing need not have it. Used by *_linux.cpp
// of this folder.
#pragma once

#include <memory>
#include <string>

#include "transports/core/result.hpp"

namespace surang::client::capture {

class NftTable {
 public:
  NftTable();
  ~NftTable();  ///< the socket closes, and what it owns goes

  /// Carries out a text of nft(8)'s commands, wholly or not at all. On failure `why` is what libnftables
  /// says, or that it is missing.
  Result<void> run(const std::string& commands, std::string& why);
  /// Closes the socket.
  void close();

 private:
  struct Library;
  std::unique_ptr<Library> library_;
  void* context_ = nullptr;
};

}  // namespace surang::client::capture
