// Every TCP and UDP flow between the inside and the outside: what was said first, which rule decided it, how
// much went each way. The engine looks a flow up for each packet; idle and closed ones are handed to the log.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "tests/censor/middlebox/recognise.hpp"
#include "tests/censor/middlebox/rule.hpp"

namespace surang::censor {

struct FlowKey {
  Ends ends;  ///< from the client to the remote end
  std::uint8_t protocol = 0;
  auto operator<=>(const FlowKey&) const = default;
};

/// The client's bytes in order, whatever order the segments came in, up to what a hello may take.
class Reassembly {
 public:
  void start(std::uint32_t first) { next_ = first, known_ = true; }
  void add(std::uint32_t seq, View payload);
  const Bytes& bytes() const { return bytes_; }
  void forget() { bytes_ = {}, waiting_ = {}; }

 private:
  Bytes bytes_;
  std::map<std::uint32_t, Bytes> waiting_;
  std::uint32_t next_ = 0;
  bool known_ = false;
};

struct Flow {
  enum class Fate {
    open,
    dropped,   ///< nothing passes any more
    answered,  ///< nothing passes, and the client's FIN gets a forged ACK
  };
  Fate fate = Fate::open;
  std::string name, kind;  ///< SNI or Host once seen; "tls" or "http"
  Reassembly said;
  unsigned segments = 0;      ///< with what the client said, until its name was known
  bool cut = false;           ///< its hello came in several records
  bool looked_at = false;     ///< no name rule will look again
  bool first_payload = true;  ///< the entropy rule has not looked yet
  bool client_fin = false, remote_fin = false, reset = false;
  std::uint64_t up = 0, down = 0;  ///< payload bytes that passed
  unsigned decided_by = 0;         ///< rule
  Clock::time_point opened, last;
};

class FlowTable {
 public:
  using Closed = std::function<void(const FlowKey&, const Flow&, const char* why)>;
  explicit FlowTable(Closed closed) : closed_(std::move(closed)) {}
  ~FlowTable();

  /// The flow, new when `opens` (a SYN, any UDP) or unknown.
  Flow& get(const FlowKey& key, bool opens, Clock::time_point now, bool& made);
  /// Hands out what ended a second ago or was idle for two minutes.
  void sweep(Clock::time_point now);
  const std::map<FlowKey, Flow>& all() const { return flows_; }

 private:
  std::map<FlowKey, Flow> flows_;
  Closed closed_;
};

}  // namespace surang::censor
