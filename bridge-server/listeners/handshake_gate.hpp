// Bounds how many connections of one address may be before proof at the same time, over all workers. IPv6
// addresses count by their /64, which is what one customer has. Thread safe.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <memory>
#include <mutex>

namespace surang::bridge {

class HandshakeGate {
 public:
  /// Holds a place until destroyed.
  class Pass {
   public:
    Pass() = default;
    Pass(HandshakeGate* gate, boost::asio::ip::address key) : gate_(gate), key_(std::move(key)) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)), key_(std::move(other.key_)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      std::swap(key_, other.key_);
      return *this;
    }
    ~Pass() {
      if (gate_) gate_->leave(key_);
    }
    explicit operator bool() const noexcept { return gate_; }

   private:
    HandshakeGate* gate_ = nullptr;
    boost::asio::ip::address key_;
  };

  /// An empty pass when `most` of this address are inside already.
  Pass enter(const boost::asio::ip::address& address, unsigned most);

 private:
  void leave(const boost::asio::ip::address& key);
  std::mutex mutex_;
  std::map<boost::asio::ip::address, unsigned> inside_;
};

}  // namespace surang::bridge
