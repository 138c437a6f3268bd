// What one user has of the egress: flows of datagrams, as many as are allowed, and questions about
// destinations, on the user's account. worker gives them to the user's sessions.
#pragma once

#include <memory>
#include <utility>

#include "bridge-server/egress/reach_check.hpp"
#include "bridge-server/users/user_table.hpp"
#include "transports/core/wrapping_flow.hpp"
#include "transports/tunnel/control.hpp"
#include "transports/udp/udp_flow.hpp"

namespace surang::bridge {

inline constexpr unsigned kMostFlows = 1024;  ///< of datagrams, for one user in all sessions

// One of a user's flows, counted while it is open.
class CountedFlow final : public WrappingFlow {
 public:
  CountedFlow(DatagramFlowPtr inner, std::shared_ptr<Account> account)
      : WrappingFlow(std::move(inner)), account_(std::move(account)) {}
  ~CountedFlow() override { --account_->flows; }

 private:
  const std::shared_ptr<Account> account_;
};

// One user's, whose ports are bounded.
class UserDatagrams final : public DatagramOpener {
 public:
  /// `resolver` must outlive its flows.
  UserDatagrams(asio::any_io_executor executor, Resolver& resolver, AdmitAddresses admit,
                std::shared_ptr<Account> account)
      : executor_(std::move(executor)),
        resolver_(std::shared_ptr<void>(), &resolver),
        admit_(std::move(admit)),
        account_(std::move(account)) {}

  asio::awaitable<Result<DatagramFlowPtr>> open() override {
    if (account_->flows.fetch_add(1) >= kMostFlows) {
      --account_->flows;
      co_return make_error_code(Errc::limit);
    }
    co_return std::make_unique<CountedFlow>(make_udp_flow(executor_, resolver_, admit_), account_);
  }

 private:
  const asio::any_io_executor executor_;
  const std::shared_ptr<Resolver> resolver_;
  const AdmitAddresses admit_;
  const std::shared_ptr<Account> account_;
};

// What one user asks about destinations: within that user's limit, and on that user's account.
class UserControl final : public tunnel::Control {
 public:
  UserControl(ReachCheck& check, std::shared_ptr<Account> account)
      : check_(check), account_(std::move(account)) {}

  asio::awaitable<Result<tunnel::ReachAnswer>> reach(Endpoint to) override {
    if (!account_->questions.admit(std::chrono::steady_clock::now())) co_return make_error_code(Errc::limit);
    const ReachCheck::Spent spent(account_, &account_->used);
    co_return co_await check_.look(std::move(to), spent);
  }

 private:
  ReachCheck& check_;
  const std::shared_ptr<Account> account_;
};

}  // namespace surang::bridge
