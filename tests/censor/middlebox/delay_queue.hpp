// Packets on their way, each until its moment. First in, first out among equals. Used by main's loop.
#pragma once

#include <queue>

#include "tests/censor/middlebox/rule.hpp"

namespace surang::censor {

class DelayQueue {
 public:
  void push(Bytes packet, Clock::time_point due) { heap_.push({due, count_++, std::move(packet)}); }
  bool empty() const { return heap_.empty(); }
  Clock::time_point next() const { return heap_.top().due; }
  Bytes pop() {
    // top() is const only to protect the order, which a moved-from packet does not touch.
    Bytes packet = std::move(const_cast<Item&>(heap_.top()).packet);
    heap_.pop();
    return packet;
  }

 private:
  struct Item {
    Clock::time_point due;
    std::uint64_t number;
    Bytes packet;
    bool operator<(const Item& other) const {
      return due != other.due ? due > other.due : number > other.number;
    }
  };
  std::priority_queue<Item> heap_;
  std::uint64_t count_ = 0;
};

}  // namespace surang::censor
