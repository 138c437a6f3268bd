#include "client/dns/direct_names.hpp"

#include "client/dns/answer_check.hpp"
#include "transports/tcp/system_resolver.hpp"

namespace surang::client {
namespace {

class DirectNames final : public Names {
 public:
  boost::asio::awaitable<NameAnswer> system(std::string host) override {
    NameAnswer answer;
    auto found = co_await system_.resolve(host);
    if (found) {
      answer.addresses = std::move(*found);
      answer.doubt = check_addresses(host, answer.addresses);
    } else {
      answer.error = found.error();
      answer.doubt = answer.error == Errc::timed_out ? Signal::dns_silence : Signal::dns_nxdomain;
    }
    co_return answer;
  }
  boost::asio::awaitable<Result<std::vector<boost::asio::ip::address>>> encrypted(std::string) override {
    co_return make_error_code(Errc::no_route);
  }
  bool has_encrypted() const noexcept override { return false; }
  void trust(const std::string&) override {}

 private:
  SystemResolver system_;
};

}  // namespace

std::unique_ptr<Names> make_direct_names(boost::asio::any_io_executor, const config::ClientOptions&,
                                         Dialer*) {
  return std::make_unique<DirectNames>();
}

}  // namespace surang::client
