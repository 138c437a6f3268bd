// A value that one thread replaces whole while others use the one they got. Not std::atomic<std::shared_ptr>:
// that of g++ 12 reads its pointer without ordering it against the next swap.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace surang::bridge {

template <class T>
class Published {
 public:
  using Pointer = std::shared_ptr<const T>;
  Published() = default;
  explicit Published(Pointer first) : value_(std::move(first)) {}

  Pointer load() const {
    const std::scoped_lock lock(mutex_);
    return value_;
  }
  Published& operator=(Pointer fresh) {
    {
      const std::scoped_lock lock(mutex_);
      std::swap(value_, fresh);
    }
    return *this;  // the old one goes outside of the lock
  }

 private:
  mutable std::mutex mutex_;
  Pointer value_;
};

}  // namespace surang::bridge
