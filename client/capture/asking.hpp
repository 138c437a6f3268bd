// How many questions to name servers are being answered, and for whom: no guest may take what all have. Pure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>

namespace surang::client::capture {

class Asking {
 public:
  static constexpr unsigned kMost = 1024, kMostOfGuest = 128;

  /// Whether one more may begin.
  bool may(const boost::asio::ip::address& from, bool guest) const {
    if (all_ >= kMost) return false;
    const auto found = by_.find(from);
    return !guest || found == by_.end() || found->second < kMostOfGuest;
  }

  /// A question, for as long as it is answered. `asking` outlives it.
  class One {
   public:
    One(Asking& asking, boost::asio::ip::address from) : asking_(asking), from_(std::move(from)) {
      ++asking_.all_;
      ++asking_.by_[from_];
    }
    ~One() {
      --asking_.all_;
      if (const auto found = asking_.by_.find(from_); --found->second == 0) asking_.by_.erase(found);
    }
    One(const One&) = delete;
    One& operator=(const One&) = delete;

   private:
    Asking& asking_;
    const boost::asio::ip::address from_;
  };

 private:
  std::map<boost::asio::ip::address, unsigned> by_;
  unsigned all_ = 0;
};

}  // namespace surang::client::capture
