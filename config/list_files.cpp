#include "config/list_files.hpp"

#include "config/private_file.hpp"

namespace surang::config {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargest = 256 * 1024;
constexpr std::size_t kMostFiles = 50;

ListFile read_one(const TomlReader& at, const std::string& key, const fs::path& file) {
  std::error_code ec;
  // Reading a pipe or a device might never end.
  if (!fs::is_regular_file(file, ec)) at.fail(key, "'" + key + "': there is no file " + file.string());
  if (fs::file_size(file, ec) > kLargest)
    at.fail(key,
            "'" + key + "': " + file.string() + " is larger than " + std::to_string(kLargest / 1024) + " KB");
  auto text = read_file(file);
  if (!text) at.fail(key, "'" + key + "': cannot read " + file.string() + ": " + text.error().message());
  return {file.filename().string(), std::move(*text)};
}

}  // namespace

std::vector<ListFile> read_list_files(TomlReader& root, const std::string& key, const fs::path& file) {
  std::vector<ListFile> files;
  if (const auto named = root.strings(key)) {
    if (named->size() > kMostFiles)
      root.fail(key, "'" + key + "' lists more than " + std::to_string(kMostFiles) + " files");
    for (const auto& name : *named) files.push_back(read_one(root, key, file.parent_path() / name));
    return files;
  }
  const auto beside = file.parent_path() / (key + ".toml");
  std::error_code ec;
  if (fs::exists(beside, ec)) files.push_back(read_one(root, key, beside));
  return files;
}

}  // namespace surang::config
