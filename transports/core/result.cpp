#include "transports/core/result.hpp"

#include <string>

namespace surang {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "surang"; }
  std::string message(int value) const override {
    switch (static_cast<Errc>(value)) {
      case Errc::would_block:
        return "nothing to read yet";
      case Errc::closed:
        return "closed by this end";
      case Errc::timed_out:
        return "took too long";
      case Errc::protocol:
        return "the peer broke the protocol";
      case Errc::truncated:
        return "ended in the middle";
      case Errc::limit:
        return "a limit was reached";
      case Errc::proof_refused:
        return "the peer did not prove itself";
      case Errc::certificate:
        return "the certificate does not verify";
      case Errc::name_not_found:
        return "the name does not resolve";
      case Errc::no_route:
        return "no bridge can carry this now";
      case Errc::unprocessed:
        return "the bridge takes no more";
      case Errc::bad_input:
        return "does not parse";
      case Errc::destination_not_found:
        return "the bridge cannot resolve the destination";
      case Errc::destination_refused:
        return "the destination refused the bridge";
      case Errc::destination_unreachable:
        return "the bridge cannot reach the destination";
      case Errc::destination_timed_out:
        return "the destination did not answer the bridge";
      case Errc::destination_denied:
        return "the bridge does not allow this destination";
    }
    return "unknown error " + std::to_string(value);
  }
};

}  // namespace

const boost::system::error_category& surang_category() noexcept {
  static const Category category;
  return category;
}

error_code make_error_code(Errc e) noexcept {
  return {static_cast<int>(e), surang_category()};
}

}  // namespace surang
