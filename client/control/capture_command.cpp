#include "client/control/capture_command.hpp"

#include <iostream>

#include "client/capture/capture.hpp"
#include "client/control/command_line.hpp"
#include "client/control/control_client.hpp"

namespace surang::client {
namespace {

int say(const ControlAnswer& answer, bool as_json, const char* done) {
  const auto* said = answer.body.is_object() ? &answer.body.get_object() : nullptr;
  if (as_json) print(answer.body);
  const auto* error = said ? said->if_contains("error") : nullptr;
  if (error && error->is_string()) {
    const auto* permitted = said->if_contains("permitted");
    return complain(permitted && *permitted == false ? kPermission : kUnavailable,
                    std::string(error->get_string()));
  }
  if (!as_json) std::cout << done << '\n';
  return kOk;
}

}  // namespace

int capture_on(const std::filesystem::path& config, const std::vector<std::string>& lan, bool as_json) {
  const auto loaded = load_or_default(config);
  if (loaded.status != kOk) return complain(loaded.status, loaded.why);
  std::string target = "/capture?to=on";
  for (const auto& name : lan) target += (&name == &lan.front() ? "&lan=" : ",") + name;
  const auto answer = ask_client(control_socket(loaded.options.state_dir), "POST", target, kAnswerLimit);
  if (!answer) return unreachable(answer.error());
  return say(*answer, as_json, "Captured: all programs of this computer go through Surang now.");
}

int capture_off(const std::filesystem::path& config, bool as_json) {
  const auto loaded = load_or_default(config);
  if (loaded.status != kOk) {
    // Whom to ask is not known; what somebody has left behind can go.
    std::string why;
    if (!clean_up_capture(false, why)) complain(kOk, why);
    return complain(loaded.status, loaded.why);
  }
  const auto answer =
      ask_client(control_socket(loaded.options.state_dir), "POST", "/capture?to=off", kAnswerLimit);
  if (answer) return say(*answer, as_json, "Nothing is captured.");
  if (answer.error() == std::errc::permission_denied) return unreachable(answer.error());
  const bool stands_still = !nobody_there(answer.error());
  if (stands_still)
    complain(kOk, "Surang runs, but does not answer: nothing more is captured, what was may stand still.");
  std::string why;
  if (const auto cleaned = clean_up_capture(stands_still, why); !cleaned)
    return complain(
        cleaned.error() == boost::system::errc::operation_not_permitted ? kPermission : kUnavailable, why);
  if (as_json) print({{"capture", false}});
  if (!as_json) std::cout << "Nothing is captured.\n";
  return kOk;
}

}  // namespace surang::client
