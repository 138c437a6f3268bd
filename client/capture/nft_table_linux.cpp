#include <dlfcn.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "client/capture/nft_table.hpp"

namespace surang::client::capture {

// The part of nftables/libnftables.h that is called; stable since the library's first version.
struct NftTable::Library {
  ~Library() {
    if (handle) ::dlclose(handle);
  }
  bool load() {
    handle = ::dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
    return handle && find(make, "nft_ctx_new") && find(end, "nft_ctx_free") &&
           find(buffer_error, "nft_ctx_buffer_error") && find(buffer_output, "nft_ctx_buffer_output") &&
           find(error, "nft_ctx_get_error_buffer") && find(run, "nft_run_cmd_from_buffer");
  }
  template <class F>
  bool find(F& function, const char* name) {
    function = reinterpret_cast<F>(::dlsym(handle, name));
    return function != nullptr;
  }

  void* handle = nullptr;
  void* (*make)(std::uint32_t flags) = nullptr;
  void (*end)(void* context) = nullptr;
  int (*buffer_error)(void* context) = nullptr;
  int (*buffer_output)(void* context) = nullptr;
  const char* (*error)(void* context) = nullptr;
  int (*run)(void* context, const char* commands) = nullptr;
};

NftTable::NftTable() = default;

NftTable::~NftTable() {
  close();
}

void NftTable::close() {
  if (context_) library_->end(context_);
  context_ = nullptr;
}

Result<void> NftTable::run(const std::string& commands, std::string& why) {
  if (!library_) {
    auto library = std::make_unique<Library>();
    if (!library->load()) {
      why = "libnftables.so.1 is missing: install the package nftables";
      return make_error_code(boost::system::errc::operation_not_supported);
    }
    library_ = std::move(library);
  }
  if (!context_) {
    // Where no descriptor is left the library ends the program.
    const int room = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    if (room < 0) {
      const error_code failed(errno, boost::system::system_category());
      why = "nftables cannot be reached: " + failed.message();
      return failed;
    }
    ::close(room);
    context_ = library_->make(0);
  }
  if (!context_ || library_->buffer_error(context_) != 0 || library_->buffer_output(context_) != 0) {
    why = "nftables does not start";
    return make_error_code(boost::system::errc::not_enough_memory);
  }
  if (library_->run(context_, commands.c_str()) == 0) return {};
  const char* said = library_->error(context_);
  why = said ? said : "";
  if (const auto line = why.find('\n'); line != why.npos) why.resize(line);
  return make_error_code(boost::system::errc::invalid_argument);
}

}  // namespace surang::client::capture
