// Datagrams by a lane, as long as that is the one that carries: whoever has it opens the next one when it has
// ended. Made by bridge_pool for every flow.
#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>

#include "client/bridges/lane.hpp"
#include "transports/core/wrapping_flow.hpp"

namespace surang::client {

class LaneFlow final
    : public WrappingFlow,
      public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  using List = boost::intrusive::list<LaneFlow, boost::intrusive::constant_time_size<false>>;

  /// `used` is called for what is sent.
  LaneFlow(DatagramFlowPtr inner, LanePtr lane, std::function<void()> used)
      : WrappingFlow(std::move(inner)), lane_(std::move(lane)), used_(std::move(used)) {}

  void send(const Endpoint& to, std::span<const std::uint8_t> payload) override {
    used_();
    WrappingFlow::send(to, payload);
  }

  /// Ends those by `lane`.
  static void close_all(List& flows, const Lane& lane) {
    for (auto& flow : flows)
      if (flow.lane_.get() == &lane) flow.close();
  }

 private:
  const LanePtr lane_;
  const std::function<void()> used_;
};

}  // namespace surang::client
