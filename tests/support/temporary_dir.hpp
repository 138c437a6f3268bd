#pragma once

#include <filesystem>
#include <random>
#include <string>

namespace surang::test {

/// An empty directory, gone with everything in it when this ends.
struct TemporaryDir {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("surang-test-" + std::to_string(std::random_device{}()));
  TemporaryDir() { std::filesystem::create_directory(path); }
  ~TemporaryDir() { std::filesystem::remove_all(path); }
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;
};

}  // namespace surang::test
