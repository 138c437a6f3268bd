#include "client/control/bridge_words.hpp"

#include "config/bridge_line.hpp"

namespace surang::client {

std::vector<std::string> bridge_texts(const std::vector<std::string>& words) {
  std::vector<std::string> texts;
  bool in_line = false;
  bool begun = false;  // by the word "Bridge" alone
  for (const auto& word : words) {
    const bool begins = config::is_bridge_line(word);
    if (in_line && !word.starts_with("surang://") && (!begins || begun)) {
      texts.back() += ' ' + word;
      begun = false;
      continue;
    }
    texts.push_back(word);
    in_line = begins;
    begun = begins && word.size() == std::string_view("Bridge").size();
  }
  return texts;
}

Result<config::ShareLink> parse_bridge_text(const std::string& text, const std::string& behind,
                                            std::string& why) {
  if (!config::is_bridge_line(text)) {
    if (behind.empty()) return config::parse_share_link(text, why);
    why = "--behind is for bridge lines: a link says by itself what is there";
    return make_error_code(Errc::bad_input);
  }
  auto link = config::parse_bridge_line(text, why);
  if (!link) return link;
  if (!behind.empty()) link->transports.front().params["behind"] = behind;
  if (!config::usable_bridge_line(*link, why)) return make_error_code(Errc::bad_input);
  return link;
}

}  // namespace surang::client
