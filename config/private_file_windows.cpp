#include <windows.h>

#include <fstream>
#include <sstream>

#include "config/private_file.hpp"

namespace surang::config {
namespace {

error_code last_error() {
  return {static_cast<int>(::GetLastError()), boost::system::system_category()};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return error_code(ERROR_FILE_NOT_FOUND, boost::system::system_category());
  std::ostringstream content;
  content << in.rdbuf();
  return content.str();
}

// A new file inherits the folder's access list, which the installation sets for SYSTEM and Administrators.
Result<void> write_private_file(const std::filesystem::path& file, std::string_view content) {
  if (file.has_parent_path())
    if (auto made = make_private_dir(file.parent_path()); !made) return made;
  auto fresh = file;
  fresh += ".new";
  const HANDLE out =
      ::CreateFileW(fresh.c_str(), GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (out == INVALID_HANDLE_VALUE) return last_error();
  DWORD written = 0;
  const bool ok = ::WriteFile(out, content.data(), static_cast<DWORD>(content.size()), &written, nullptr) &&
                  written == content.size() && ::FlushFileBuffers(out);
  const auto error = last_error();
  ::CloseHandle(out);
  if (!ok) return error;
  if (!::MoveFileExW(fresh.c_str(), file.c_str(), MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
    return last_error();
  return {};
}

Result<void> make_private_dir(const std::filesystem::path& dir) {
  std::error_code ec;
  std::filesystem::create_directories(dir, ec);
  if (ec) return error_code(ec.value(), boost::system::system_category());
  return {};
}

}  // namespace surang::config
