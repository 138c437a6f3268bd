// What whoever carries a session may put in the place of a handshake (bit 0 of the first byte) or of frames;
// the other bits cut it into pieces.
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <string>

#include "tests/support/feeding.hpp"
#include "tests/support/memory_stream.hpp"
#include "transports/core/task_group.hpp"
#include "transports/fronted/channel.hpp"

namespace {

using namespace surang;
using namespace surang::noise;

asio::awaitable<void> meet(StreamPtr raw) {
  static const auto bridge = Keypair::of(Key{1});
  const UserKey user;
  const fronted::SessionName name{};
  const auto met = co_await fronted::accept_channel(std::move(raw), user, bridge, name);
  if (met) std::abort();  // no input that is found by chance is a user's
}

asio::awaitable<void> hear(StreamPtr raw) {
  Session session{CipherState(Key{1}), CipherState(Key{2}), {}, {}};
  const auto stream = make_stream(std::move(raw), std::move(session), Role::server);
  char part[100];
  for (;;) {
    const auto n = co_await stream->read_some(asio::buffer(part));
    if (!n || *n == 0) co_return;
  }
}

asio::awaitable<void> carry(StreamPtr to, std::string bytes, std::size_t piece) {
  co_await test::feed(*to, std::move(bytes), piece);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::size_t piece = data[0] >> 1 ? std::size_t{1} << (data[0] >> 4) : SIZE_MAX / 2;
  std::string input(reinterpret_cast<const char*>(data + 1), size - 1);
  asio::io_context io(1);
  {
    auto [near, far] = test::memory_stream_pair(io.get_executor());
    TaskGroup tasks(io.get_executor());
    tasks.spawn(data[0] & 1 ? meet(std::move(near)) : hear(std::move(near)));
    tasks.spawn(carry(std::move(far), std::move(input), piece));
    while (tasks.size() > 0 && io.poll_one() > 0) {
    }
    if (tasks.size() > 0) std::abort();  // both ends are there, so somebody always has something to do
  }
  io.poll();
  return 0;
}
