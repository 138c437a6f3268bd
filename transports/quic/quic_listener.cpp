#include "transports/quic/quic_listener.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/endian/conversion.hpp>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "transports/quic/outbox.hpp"
#include "transports/quic/packet_loop.hpp"
#include "transports/quic/served_connection.hpp"

namespace surang::quic {
namespace {

std::uint64_t key_of(const std::uint8_t* id) {
  return boost::endian::load_big_u64(id);
}

std::string text_of(const std::uint8_t* id, std::size_t size) {
  return {reinterpret_cast<const char*>(id), size};
}

}  // namespace

struct Listener::Impl : ServedConnection::Home, std::enable_shared_from_this<Impl> {
  Impl(asio::any_io_executor e, const ListenerOptions& o, const UserDirectory& u, https::ReplaySet& r,
       ListenerCounters& c, Admit a, Serve s)
      : executor(std::move(e)),
        limits(o.limits),
        users(u),
        replays(r),
        counters(c),
        admit(std::move(a)),
        serve(std::move(s)),
        scrambler(scramble_key(o.public_key)),
        tls(o.secret),
        tasks(executor) {}

  // As receive_packets has it.
  struct Reader {
    std::shared_ptr<Impl> self;
    bool gone() const { return false; }
    void take(const Path& path, std::span<std::uint8_t> datagram) { self->take(path, datagram); }
    void refused(const error_code&) {}
    void rest() { self->flush(); }
  };

  void flush() {
    for (auto* connection : std::exchange(touched, {}))
      if (known.contains(connection)) connection->connection().flush();
    dead.clear();
  }

  void take(const Path& path, std::span<std::uint8_t> datagram) {
    const auto packet = scrambler.unscramble(datagram);
    ngtcp2_version_cid ids;
    if (!packet || ngtcp2_pkt_decode_version_cid(&ids, packet->data(), packet->size(), kIdSize) != 0) {
      ++counters.strangers;
      return;
    }
    auto* connection = find(ids);
    if (!connection) connection = begin(path, *packet);
    if (!connection) return;
    if (touched.empty() || touched.back() != connection) touched.push_back(connection);
    connection->connection().receive(path, *packet);
  }

  ServedConnection* find(const ngtcp2_version_cid& ids) const {
    if (ids.dcidlen == kIdSize) {
      const auto found = by_id.find(key_of(ids.dcid));
      if (found != by_id.end()) return found->second;
    }
    const auto found = by_first_id.find(text_of(ids.dcid, ids.dcidlen));
    return found == by_first_id.end() ? nullptr : found->second;
  }

  // A user's first packet begins a connection; nothing else does.
  ServedConnection* begin(const Path& path, std::span<const std::uint8_t> packet) {
    const auto first = parse_first_packet(packet);
    const auto user = first ? users.find(first->admission.user) : std::nullopt;
    if (!user || !first->admission.holds(*user, first->connection())) {
      ++counters.strangers;
      return nullptr;
    }
    const auto now = unix_seconds();
    if (!first->admission.in_time(now)) {
      ++counters.stale;
      return nullptr;
    }
    if (draining) return nullptr;
    auto admitted = admit(path.remote.address());
    if (!admitted) return nullptr;
    if (!replays.insert(first->admission.seal, first->admission.minted, now)) {
      ++counters.replays;
      return nullptr;
    }
    std::unique_ptr<ServedConnection> made;
    try {
      made = std::make_unique<ServedConnection>(executor, shared_from_this(), scrambler, tls, *user, path,
                                                limits, first->head, std::move(admitted));
    } catch (const std::exception&) {  // out of memory, as good as nothing else
      ++counters.failed;
      return nullptr;
    }
    ++counters.users;
    auto* const connection = made.get();
    known.insert(connection);
    by_first_id.emplace(text_of(first->head.dcid.data, first->head.dcid.datalen), connection);
    unproven.emplace(connection, std::move(made));
    return connection;
  }

  bool send(ServedConnection& from, const Path& path, std::span<const std::uint8_t> datagrams,
            std::size_t segment) override {
    if (outbox->send(path, datagrams, segment)) return true;
    blocked.insert(&from);
    return false;
  }

  void free_again() {
    for (auto* connection : std::exchange(blocked, {}))
      if (known.contains(connection)) connection->connection().resume();
  }

  void own_id(ServedConnection& connection, const ngtcp2_cid& id) override {
    if (id.datalen == kIdSize) by_id[key_of(id.data)] = &connection;
  }

  void drop_id(const ngtcp2_cid& id) override {
    if (id.datalen == kIdSize) by_id.erase(key_of(id.data));
  }

  void ready(ServedConnection& connection) override {
    auto found = unproven.extract(&connection);
    if (!found) return;
    // Later: it is in the middle of a packet, and who serves it may end it at once.
    asio::post(executor, [self = weak_from_this(), session = std::move(found.mapped())]() mutable {
      if (const auto impl = self.lock()) impl->serve(std::move(session));
    });
  }

  void gone(ServedConnection& connection) noexcept override {
    known.erase(&connection);
    blocked.erase(&connection);
    std::erase_if(by_id, [&](const auto& entry) { return entry.second == &connection; });
    const auto& first = connection.connection().first_id();
    by_first_id.erase(text_of(first.data, first.datalen));
    auto found = unproven.extract(&connection);
    if (!found) return;
    ++counters.failed;
    // It may be in the middle of something.
    dead.push_back(std::move(found.mapped()));
    asio::post(executor, [self = weak_from_this()] {
      if (const auto impl = self.lock()) impl->dead.clear();
    });
  }

  const asio::any_io_executor executor;
  const tunnel::ServeLimits limits;
  const UserDirectory& users;
  https::ReplaySet& replays;
  ListenerCounters& counters;
  const Admit admit;
  const Serve serve;
  Scrambler scrambler;
  const TlsServer tls;
  std::shared_ptr<PacketSocket> socket;
  std::unique_ptr<Outbox> outbox;
  std::unordered_map<std::uint64_t, ServedConnection*> by_id;
  std::unordered_map<std::string, ServedConnection*> by_first_id;
  std::unordered_set<ServedConnection*> known, blocked;
  std::map<ServedConnection*, std::unique_ptr<ServedConnection>> unproven;
  std::vector<std::unique_ptr<ServedConnection>> dead;
  std::vector<ServedConnection*> touched;  // since the last flush
  bool draining = false;
  TaskGroup tasks;
};

Listener::Listener(asio::any_io_executor executor, const ListenerOptions& options, const UserDirectory& users,
                   https::ReplaySet& replays, ListenerCounters& counters, Admit admit, Serve serve)
    : impl_(std::make_shared<Impl>(std::move(executor), options, users, replays, counters, std::move(admit),
                                   std::move(serve))) {}

Listener::~Listener() {
  stop();
}

Result<Path::Address> Listener::listen(const Path::Address& at) {
  auto& impl = *impl_;
  impl.socket = std::make_shared<PacketSocket>(impl.executor);
  if (const auto ec = impl.socket->listen(at)) return ec;
  impl.outbox = std::make_unique<Outbox>(impl.executor, impl.socket, [self = std::weak_ptr(impl_)] {
    if (const auto there = self.lock()) there->free_again();
  });
  impl.tasks.spawn(receive_packets(impl.executor, impl.socket, Impl::Reader{impl_}));
  return impl.socket->local();
}

void Listener::drain() {
  impl_->draining = true;
}

void Listener::stop() {
  impl_->draining = true;
  auto unproven = std::exchange(impl_->unproven, {});
  unproven.clear();
  for (auto* connection : std::exchange(impl_->known, {})) connection->connection().close();
  if (impl_->socket) impl_->socket->close();
  impl_->tasks.cancel();
}

}  // namespace surang::quic
