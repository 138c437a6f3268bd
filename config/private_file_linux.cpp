#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "config/private_file.hpp"

namespace surang::config {
namespace {

error_code last_error() {
  return {errno, boost::system::system_category()};
}

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::filesystem::path behind_links(std::filesystem::path file) {
  constexpr int kMostLinks = 40;  // as many as the kernel follows
  std::error_code ec;
  for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(file, ec); ++i)
    file = file.parent_path() / std::filesystem::read_symlink(file, ec);
  return file;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& file) {
  const Descriptor in{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.fd < 0) return last_error();
  std::string content;
  char block[16 * 1024];
  for (;;) {
    const auto n = ::read(in.fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error();
    if (n == 0) return content;
    content.append(block, static_cast<std::size_t>(n));
  }
}

Result<void> write_private_file(const std::filesystem::path& named, std::string_view content) {
  const auto file = behind_links(named);
  const auto dir = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  std::error_code exists;
  if (!std::filesystem::is_directory(dir, exists))
    if (auto made = make_private_dir(dir); !made) return made;
  std::string fresh = file.string() + ".XXXXXX";
  Descriptor out{::mkostemp(fresh.data(), O_CLOEXEC)};  // mode 0600
  if (out.fd < 0) return last_error();
  const auto fail = [&] {
    const auto error = last_error();
    ::unlink(fresh.c_str());
    return error;
  };
  struct stat old {};
  const bool chowned = ::stat(file.c_str(), &old) != 0 || ::fchown(out.fd, old.st_uid, old.st_gid) == 0;
  // EINVAL: an owner whom this user namespace does not know.
  if (!chowned && errno != EPERM && errno != EINVAL) return fail();
  for (std::string_view rest = content; !rest.empty();) {
    const auto n = ::write(out.fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail();
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::fsync(out.fd) != 0 || ::rename(fresh.c_str(), file.c_str()) != 0) return fail();
  const Descriptor folder{::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (folder.fd >= 0)
    ::fsync(folder.fd);  // the rename itself; a file system that cannot is no reason to fail
  return {};
}

Result<void> make_private_dir(const std::filesystem::path& dir) {
  std::error_code ec;
  if (dir.has_parent_path() && dir.parent_path() != dir)
    std::filesystem::create_directories(dir.parent_path(), ec);
  if (::mkdir(dir.c_str(), 0700) != 0 && errno != EEXIST) return last_error();
  return {};
}

}  // namespace surang::config
