#include "client/detection/attempt.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

#include "client/detection/certificate_look.hpp"
#include "client/detection/head_start.hpp"
#include "client/detection/page_contrast.hpp"
#include "client/detection/site_scope.hpp"
#include "client/evasion/choice.hpp"
#include "client/evasion/evading_stream.hpp"
#include "transports/core/timeout.hpp"

namespace surang::client {
namespace {

using asio::ip::address;

Clock::duration rtt_of(const Stream& stream) {
  const auto info = tcp_info(stream.carrier_socket());
  return info ? std::chrono::duration_cast<Clock::duration>(info->min_rtt) : Clock::duration::zero();
}

bool same_addresses(std::vector<address> a, std::vector<address> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::vector<address> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return !both.empty();
}

// What one address says for all of them: the first that failed for a reason of its own, silence before
// others.
Signal connect_signal(const std::vector<ConnectAttempt>& connects, error_code error, Clock::duration took) {
  for (const auto& c : connects) {
    const auto signal = connect_failure(c.result, c.took);
    if (c.result && signal != Signal::no_network && signal != Signal::other) return signal;
  }
  return connect_failure(error, took);
}

class Runner {
 public:
  Runner(const AttemptTools& tools, AttemptOrder order, std::shared_ptr<Attempt> attempt,
         std::function<void()> changed)
      : tools_(tools), order_(std::move(order)), a_(std::move(attempt)), changed_(std::move(changed)) {
    a_->flight_size = order_.flight->bytes.size();
    a_->flight_kind = order_.flight->kind;
  }

  asio::awaitable<void> run() {
    executor_ = co_await asio::this_coro::executor;
    Result<StreamPtr> opened = make_error_code(Errc::no_route);
    if (order_.way == Way::tunnel) {
      if (order_.opened)
        opened = std::move(order_.opened);
      else if (tools_.tunnel)
        opened = co_await tools_.tunnel->dial(order_.to);
      if (!opened) co_return fail(tunnel_failure(opened.error()), opened.error());
    } else {
      if (cuts_hello(order_.way) && !tools_.cut_hellos)
        co_return fail(Signal::other, make_error_code(Errc::no_route), "switched off");
      const auto addresses = co_await find_addresses();
      if (addresses.empty()) co_return;
      opened = co_await connect(addresses);
      if (!opened) co_return;
    }
    a_->stream = std::move(*opened);
    a_->view.rtt = rtt_of(*a_->stream);
    if (cuts_hello(order_.way)) {
      // Where nothing is said here, the first flight is somebody else's, and sent when this has ended.
      std::function<void()> arrived;
      if (!order_.flight->bytes.empty()) arrived = [this] { step(Stage::waiting); };
      a_->stream = evading(std::move(a_->stream), order_.way, std::move(arrived));
    }
    step(Stage::waiting);
    if (const auto& bytes = order_.flight->bytes; !bytes.empty()) {
      a_->view.sent = true;
      const auto written = co_await a_->stream->write_all(asio::buffer(bytes));
      if (!written) co_return failed_answer(written.error());
    }
    if (!order_.judge_answer) co_return end(Outcome::validated, Signal::none);
    co_await hear();
  }

 private:
  // A second answer may have come while we were connecting to the first one's address.
  Signal doubt() {
    if (doubt_ == Signal::none && order_.way == Way::direct && !order_.to.address() &&
        tools_.names->late_answer(order_.to.host()))
      doubt_ = Signal::dns_late_answer;
    return doubt_;
  }

  void step(Stage stage) {
    a_->view.stage = stage;
    a_->view.last_life = Clock::now();
    if (changed_) changed_();
  }

  void end(Outcome outcome, Signal signal, std::string detail = {}) {
    a_->view.outcome = outcome;
    a_->view.signal = signal;
    a_->view.detail = std::move(detail);
    a_->ended = Clock::now();
    if (changed_) changed_();
  }

  void fail(Signal signal, error_code error, std::string detail = {}) {
    a_->error = error;
    a_->stream.reset();
    end(Outcome::failed, signal, std::move(detail));
  }

  void start_look(const std::vector<address>& addresses) {
    const bool wanted = order_.beside && order_.judge_answer &&
                        order_.flight->kind == FirstFlight::Kind::tls &&
                        order_.flight->host == order_.to.host();
    if (!wanted || !tools_.proven || !tools_.tls_context ||
        tools_.proven(order_.to.host(), addresses.front()))
      return;
    look_ = std::make_shared<CertificateLook>(executor_);
    order_.beside(look_at_certificate(tools_.connector, addresses, order_.to, tools_.tls_context(), look_));
  }

  // What the look at the certificate found; nothing when it is not over. It is due by now: waits little.
  asio::awaitable<std::optional<error_code>> certificate() {
    if (!look_) co_return std::nullopt;
    if (!look_->result) {
      error_code ignored;
      const auto behind = had_head_start_ ? a_->view.rtt : Clock::duration::zero();
      look_->news.expires_after(std::max<Clock::duration>(std::chrono::milliseconds(100), a_->view.rtt) +
                                behind);
      co_await look_->news.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      const auto state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none)
        throw boost::system::system_error(asio::error::operation_aborted);
    }
    if (look_->result && !*look_->result) {
      if (!a_->addresses.empty()) tools_.prove(order_.to.host(), a_->addresses.front());
      for (const auto& a : a_->addresses) tools_.names->confirmed(a);
    }
    co_return look_->result;
  }

  asio::awaitable<void> answered() {
    const auto shown = co_await certificate();
    if (shown && *shown == Errc::certificate) co_return end(Outcome::doubtful, Signal::tls_certificate);
    // Whatever answers at an address that no public site has must be confirmed by another way, unless it has
    // shown that it is the site: names of an inner network stand in public DNS as well.
    if (!is_dns(doubt()) || (shown && !*shown)) co_return end(Outcome::validated, Signal::none);
    end(Outcome::doubtful, doubt());
  }

  // Empty: the attempt has ended.
  asio::awaitable<std::vector<address>> find_addresses() {
    std::vector<address> addresses;
    if (const auto literal = order_.to.address()) {
      addresses.push_back(*literal);
    } else if (order_.way == Way::direct) {
      auto answer = co_await tools_.names->system(order_.to.host());
      a_->addresses = answer.addresses;
      if (answer.addresses.empty()) {
        fail(answer.doubt, answer.error);
        co_return addresses;
      }
      doubt_ = answer.doubt;
      addresses = admitted(std::move(answer.addresses));
      if ((answer.thin && doubt_ == Signal::none) || doubt_ == Signal::dns_bogon || tools_.impostors)
        if (!addresses.empty()) start_look(addresses);
    } else if (is_evasion(order_.way)) {
      addresses = co_await evasion_addresses();
      if (addresses.empty()) co_return addresses;
    } else {
      NameAnswer system;
      if (order_.compare_names) system = co_await tools_.names->system(order_.to.host());  // cached by now
      auto answer = co_await tools_.names->encrypted(order_.to.host());
      a_->view.no_such_name = !answer && answer.error() == Errc::name_not_found;
      a_->view.agrees = answer && same_addresses(*answer, system.addresses);
      if (a_->view.no_such_name || a_->view.agrees) {
        // The network's name server was right: nothing new to try.
        if (!system.addresses.empty()) tools_.names->trust(order_.to.host());
        fail(Signal::none, make_error_code(Errc::name_not_found));
        co_return addresses;
      }
      if (!answer) {
        fail(Signal::dns_silence, answer.error());
        co_return addresses;
      }
      addresses = a_->addresses = std::move(*answer);
    }
    addresses = admitted(std::move(addresses));
    if (addresses.empty()) {
      fail(is_dns(doubt()) ? doubt() : Signal::other, make_error_code(Errc::destination_denied),
           "an address that is not for guests");
      co_return addresses;
    }
    if (tools_.dead_address && std::all_of(addresses.begin(), addresses.end(), tools_.dead_address)) {
      a_->presumed = true;
      fail(Signal::tcp_silence, make_error_code(Errc::timed_out), "a known dead address");
      addresses.clear();
    }
    if (!addresses.empty()) step(Stage::connecting);
    co_return addresses;
  }

  // A name can lead to any address, this machine's and its network's included: not those who are guests in
  // it.
  std::vector<address> admitted(std::vector<address> addresses) const {
    if (order_.flight->public_only)
      std::erase_if(addresses, [this](const address& a) {
        return !is_public_address(a) || (tools_.of_this_machine && tools_.of_this_machine(a));
      });
    return addresses;
  }

  // The system's addresses, or those of encrypted DNS where the name server is not to be believed. Empty: the
  // attempt has ended.
  asio::awaitable<std::vector<address>> evasion_addresses() {
    auto known = order_.known;
    if (tools_.known) {
      const auto before = tools_.known(order_.to.host());
      known.names_lie = known.names_lie || before.names_lie;
      known.failed.insert(known.failed.end(), before.failed.begin(), before.failed.end());
    }
    auto answer = co_await tools_.names->system(order_.to.host());
    auto addresses = std::move(answer.addresses);
    if (known.names_lie || addresses.empty() || is_dns(answer.doubt)) {
      auto truth = co_await tools_.names->encrypted(order_.to.host());
      if (!truth) {
        fail(is_dns(answer.doubt) ? answer.doubt : Signal::dns_silence, truth.error());
        co_return std::vector<address>{};
      }
      addresses = std::move(*truth);
    }
    a_->addresses = addresses;
    if (order_.way == Way::direct_other_address) {
      addresses = other_addresses(std::move(addresses), known.failed);
      if (addresses.empty()) fail(Signal::other, make_error_code(Errc::no_route), "no other address");
    }
    co_return addresses;
  }

  // An error: the attempt has ended.
  asio::awaitable<Result<StreamPtr>> connect(std::vector<address> addresses) {
    const auto begun = Clock::now();
    Result<StreamPtr> opened = make_error_code(Errc::timed_out);
    auto connecting = dial(std::move(addresses));
    if (order_.connect_limit > Clock::duration::zero())
      opened = co_await with_timeout(order_.connect_limit, std::move(connecting));
    else
      opened = co_await std::move(connecting);
    a_->view.more_addresses = !other_addresses(a_->addresses, a_->dialled()).empty();
    if (!opened) {
      const auto signal = connect_signal(a_->connects, opened.error(), Clock::now() - begun);
      // An address that no public site has: the name server's answer is the better explanation.
      fail(is_dns(doubt()) ? doubt() : signal, opened.error());
    }
    co_return opened;
  }

  asio::awaitable<Result<StreamPtr>> dial(std::vector<address> addresses) {
    if (auto begun = std::move(order_.head_start);
        begun && (order_.way == Way::direct || cuts_hello(order_.way))) {
      auto ahead = co_await begun->take(addresses, a_->connects);
      if (ahead) {
        connected_at_ = ahead->since;
        had_head_start_ = true;
        co_return std::move(ahead->opened);
      }
    }
    auto opened = co_await tools_.connector->connect(std::move(addresses), order_.to.port(), &a_->connects);
    connected_at_ = Clock::now();
    co_return opened;
  }

  asio::awaitable<void> hear() {
    step(Stage::waiting);
    auto question = question_of(*order_.flight);
    question.block_pages = tools_.block_pages;
    question.services = tools_.services;
    std::array<std::uint8_t, 4096> block;
    for (;;) {
      const auto n = co_await a_->stream->read_some(asio::buffer(block));
      if (!n && a_->answer.empty()) co_return failed_answer(n.error());
      if (a_->answer.empty()) heard_at_ = Clock::now();
      const bool ended = !n || *n == 0;
      if (ended && a_->answer.empty()) co_return failed_answer({});
      if (n)
        a_->answer.insert(a_->answer.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
      auto judged = judge_first_answer(question, a_->answer, ended);
      if (judged.open_ended) {
        const bool whole = co_await at_its_end();
        if (whole) judged = judge_first_answer(question, a_->answer, true);
      }
      judged = weigh(std::move(judged), question.host);
      switch (judged.state) {
        case FirstAnswer::State::need_more:
          continue;
        case FirstAnswer::State::invalid:
          co_return fail(judged.signal, make_error_code(Errc::protocol), std::move(judged.detail));
        case FirstAnswer::State::doubtful:
          co_return end(Outcome::doubtful, judged.signal, std::move(judged.detail));
        case FirstAnswer::State::valid:
          co_return co_await answered();
      }
    }
  }

  // The end of a page that only the connection's end tells, when it is here already; a tunnel brings it a
  // little later.
  asio::awaitable<bool> at_its_end() {
    if (order_.way != Way::tunnel) {
      const auto info = tcp_info(a_->stream->native_socket());
      if (!info || !info->peer_ended) co_return false;
    }
    auto rest = read_out();
    const auto ended = co_await with_timeout(std::chrono::milliseconds(100), std::move(rest));
    co_return ended.has_value();
  }

  // Reads up to the end of the connection, which is success.
  asio::awaitable<Result<void>> read_out() {
    std::array<std::uint8_t, 4096> block;
    while (a_->answer.size() < kMaxFirstAnswer) {
      const auto n = a_->stream->try_read(asio::buffer(block));
      if (n && *n == 0) co_return Result<void>{};
      if (n) {
        a_->answer.insert(a_->answer.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*n));
        continue;
      }
      if (n.error() != Errc::would_block) co_return n.error();
      const auto woken = co_await a_->stream->wait_readable();
      if (!woken) co_return woken.error();
    }
    co_return make_error_code(Errc::limit);
  }

  // Notes what the answer shows and what that is worth here.
  FirstAnswer weigh(FirstAnswer judged, const std::string& host) {
    auto& view = a_->view;
    view.page = page_mark(judged);
    view.elsewhere = judged.signal == Signal::http_redirect;
    a_->page = judged.page;
    if (view.page.empty()) return judged;
    PageFacts facts;
    facts.way = order_.way;
    facts.early = sooner_than_site(heard_at_ - connected_at_, view.rtt);
    if (order_.way != Way::tunnel && tools_.shown_page) facts.standing = tools_.shown_page(host, view.page);
    if (order_.way == Way::tunnel && tools_.harmless_page) tools_.harmless_page(view.page);
    return weigh_page(std::move(judged), facts);
  }

  void failed_answer(error_code error) {
    if (order_.way == Way::tunnel) {
      // The far end closed without a word of Proxy-Status: the site did.
      const bool site = !error || error == asio::error::eof || error == asio::error::connection_reset;
      return fail(site ? Signal::site_down : tunnel_failure(error),
                  error ? error : error_code(asio::error::connection_reset));
    }
    const auto signal =
        answer_failure(order_.flight->kind, error, Clock::now() - connected_at_, a_->view.rtt);
    fail(signal, error ? error : error_code(asio::error::connection_reset));
  }

  const AttemptTools& tools_;
  AttemptOrder order_;
  std::shared_ptr<Attempt> a_;
  std::function<void()> changed_;
  Signal doubt_ = Signal::none;
  asio::any_io_executor executor_;
  std::shared_ptr<CertificateLook> look_;
  Clock::time_point connected_at_, heard_at_;
  bool had_head_start_ = false;
};

}  // namespace

asio::awaitable<void> run_attempt(const AttemptTools& tools, AttemptOrder order,
                                  std::shared_ptr<Attempt> attempt, std::function<void()> changed) {
  Runner runner(tools, std::move(order), std::move(attempt), std::move(changed));
  co_await runner.run();
}

}  // namespace surang::client
