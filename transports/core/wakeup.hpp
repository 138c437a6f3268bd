// Lets coroutines of one io_context wait for "something changed". Cheaper than a timer used for the same: no
// timer queue, and nothing to look up or allocate while nobody waits. Waiters look again at their condition
// when woken.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/intrusive/list.hpp>
#include <boost/system/error_code.hpp>
#include <utility>

namespace surang {

class Wakeup {
  using Executor =
      boost::asio::io_context::executor_type;  // what every executor here stands for, without its costs

  template <class Token>
  auto start(boost::asio::any_io_executor executor, Token token) {
    namespace asio = boost::asio;
    return asio::async_initiate<Token, void(boost::system::error_code)>(
        [this](auto handler, asio::any_io_executor ex) {
          if (!registry_) registry_ = &asio::use_service<Registry>(asio::query(ex, asio::execution::context));
          auto* op = new Waiting<decltype(handler)>(std::move(handler), registry_->executor());
          registry_->add(*op);
          waiting_.push_back(*op);
          auto slot = asio::get_associated_cancellation_slot(op->handler);
          if (slot.is_connected())
            slot.assign([op](asio::cancellation_type type) {
              if (type != asio::cancellation_type::none) op->complete(asio::error::operation_aborted);
            });
        },
        token, std::move(executor));
  }

 public:
  Wakeup() = default;
  ~Wakeup() { notify(); }
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /// Spares a look-up: waiters are of the same io_context as those of `other`.
  void share_context(const Wakeup& other) noexcept { registry_ = other.registry_; }

  /// Resumes all who wait, later, from the executor. The Wakeup may be gone by then.
  void notify() noexcept {
    while (!waiting_.empty()) waiting_.front().complete({});
  }

  /// Until the next notify(). Throws operation_aborted when the coroutine is cancelled.
  auto wait(boost::asio::any_io_executor executor) {
    return start(std::move(executor), boost::asio::deferred);
  }

  /// The same without a throw, for a coroutine that ends then: whether it was woken and not cancelled.
  boost::asio::awaitable<bool> wait_unless_cancelled(boost::asio::any_io_executor executor) {
    const auto [ec] = co_await start(std::move(executor), boost::asio::as_tuple(boost::asio::deferred));
    co_return !ec;
  }

 private:
  using Hook = boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  struct Op : Hook {
    boost::intrusive::list_member_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> of_context;
    virtual ~Op() = default;
    virtual void complete(boost::system::error_code ec) noexcept = 0;
  };

  // Knows who waits in an io_context, so that they go with it like everything else that is pending there.
  class Registry : public boost::asio::execution_context::service {
   public:
    static boost::asio::execution_context::id id;
    explicit Registry(boost::asio::execution_context& context) : service(context) {}
    void add(Op& op) { ops_.push_back(op); }
    Executor executor() { return static_cast<boost::asio::io_context&>(context()).get_executor(); }

   private:
    void shutdown() override;
    using Member = boost::intrusive::member_hook<Op, decltype(Op::of_context), &Op::of_context>;
    boost::intrusive::list<Op, Member, boost::intrusive::constant_time_size<false>> ops_;
  };

  template <class Handler>
  struct Waiting final : Op {
    Waiting(Handler h, Executor ex) : handler(std::move(h)), work(ex) {}
    Handler handler;
    boost::asio::executor_work_guard<Executor> work;  // run() must not return meanwhile

    void complete(boost::system::error_code ec) noexcept override {
      auto slot = boost::asio::get_associated_cancellation_slot(handler);
      if (slot.is_connected()) slot.clear();
      Handler h = std::move(handler);
      const auto guard = std::move(work);
      delete this;
      boost::asio::post(guard.get_executor(), [h = std::move(h), ec]() mutable { std::move(h)(ec); });
    }
  };

  boost::intrusive::list<Op, boost::intrusive::constant_time_size<false>> waiting_;
  Registry* registry_ = nullptr;  // of the one context, once it has been looked up
};

}  // namespace surang
