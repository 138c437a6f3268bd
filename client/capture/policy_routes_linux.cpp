#include "client/capture/policy_routes.hpp"

#include <linux/fib_rules.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "client/capture/marks.hpp"

namespace surang::client::capture {
namespace {

constexpr int kMostCopies = 16;  // of one rule, which nothing keeps from being added again

class Request {
 public:
  template <class Body>
  Request(std::uint16_t type, std::uint16_t flags, const Body& body) {
    nlmsghdr head{};
    head.nlmsg_type = type;
    head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    append(&head, sizeof head);
    append(&body, sizeof body);
  }
  Request& with(std::uint16_t attribute, std::uint32_t value) {
    const rtattr head{static_cast<unsigned short>(RTA_LENGTH(sizeof value)), attribute};
    append(&head, sizeof head);
    append(&value, sizeof value);
    return *this;
  }

  /// 0, or the kernel's error number.
  int send() {
    reinterpret_cast<nlmsghdr*>(bytes_.data())->nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
    const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (socket < 0) return errno;
    const int error = ask(socket);
    ::close(socket);
    return error;
  }

 private:
  // The answer comes within the call that sends.
  int ask(int socket) {
    if (::send(socket, bytes_.data(), bytes_.size(), 0) < 0) return errno;
    alignas(nlmsghdr) char block[4096];
    const auto n = ::recv(socket, block, sizeof block, MSG_DONTWAIT);
    if (n < 0) return errno;
    const auto* head = reinterpret_cast<const nlmsghdr*>(block);
    if (static_cast<std::size_t>(n) < NLMSG_LENGTH(sizeof(nlmsgerr)) || head->nlmsg_type != NLMSG_ERROR)
      return EPROTO;
    return -static_cast<const nlmsgerr*>(NLMSG_DATA(head))->error;
  }

  void append(const void* data, std::size_t size) {
    const auto* from = static_cast<const char*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }

  std::vector<char> bytes_;
};

Request rule(std::uint16_t type, std::uint16_t flags, std::uint8_t family) {
  fib_rule_hdr body{};
  body.family = family;
  body.action = FR_ACT_TO_TBL;
  Request request(type, flags, body);
  request.with(FRA_PRIORITY, kRulePriority).with(FRA_FWMARK, kTakenMark).with(FRA_FWMASK, 0xffffffff);
  request.with(FRA_TABLE, kRouteTable);
  return request;
}

Request route(std::uint16_t type, std::uint16_t flags, std::uint8_t family) {
  rtmsg body{};
  body.rtm_family = family;
  body.rtm_protocol = RTPROT_STATIC;
  body.rtm_scope = RT_SCOPE_HOST;
  body.rtm_type = RTN_LOCAL;
  Request request(type, flags, body);
  request.with(RTA_TABLE, kRouteTable).with(RTA_OIF, ::if_nametoindex("lo"));
  return request;
}

error_code system_error(int number) {
  return {number, boost::system::system_category()};
}

bool no_such_family(int error) {
  return error == EAFNOSUPPORT || error == EOPNOTSUPP;
}

}  // namespace

Result<void> add_policy_routes() {
  for (const std::uint8_t family : {AF_INET, AF_INET6}) {
    int error = route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, family).send();
    if (error == 0) error = rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family).send();
    const bool no_ipv6 = family == AF_INET6 && error != EPERM;
    if (error != 0 && error != EEXIST && !no_ipv6) return system_error(error);
  }
  return {};
}

Result<void> remove_policy_routes() {
  for (const std::uint8_t family : {AF_INET, AF_INET6}) {
    int error = 0;
    for (int i = 0; i < kMostCopies && error == 0; ++i) error = rule(RTM_DELRULE, 0, family).send();
    if (error == ENOENT || no_such_family(error)) error = 0;
    if (error != 0) return system_error(error);
    error = route(RTM_DELROUTE, 0, family).send();
    if (error != 0 && error != ESRCH && !no_such_family(error)) return system_error(error);
  }
  return {};
}

}  // namespace surang::client::capture
