#include <algorithm>
#include <sstream>

#include "config/client_config.hpp"
#include "config/private_file.hpp"

namespace surang::config {
namespace {

std::string_view trim(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t\r");
  if (begin == line.npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t\r") - begin + 1);
}

// A section of a TOML file: its header line and all up to the next header.
struct Section {
  std::size_t begin = 0, end = 0;
  bool rule = false;
  std::string pattern;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// What stands between quotes after "pattern =".
std::string pattern_of(std::string_view line) {
  const auto open = line.find_first_of("\"'");
  if (open == line.npos) return {};
  const auto close = line.find(line[open], open + 1);
  return close == line.npos ? std::string() : std::string(line.substr(open + 1, close - open - 1));
}

std::vector<Section> sections_of(const std::vector<std::string>& lines) {
  std::vector<Section> sections(1);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto line = trim(lines[i]);
    if (line.starts_with('[')) {
      sections.back().end = i;
      sections.push_back({i, i, line.starts_with("[[rule]]"), {}});
    } else if (sections.back().rule && line.starts_with("pattern")) {
      sections.back().pattern = pattern_of(line);
    }
  }
  sections.back().end = lines.size();
  return sections;
}

bool belongs_to_rule(std::string_view line) {
  line = trim(line);
  return line.starts_with("[[rule]]") || line.starts_with("pattern") || line.starts_with("action");
}

}  // namespace

Result<std::size_t> remove_rule(const std::filesystem::path& file, const std::string& pattern,
                                std::string& why) {
  const auto content = read_file(file);
  if (!content) {
    why = "cannot read " + file.string() + ": " + content.error().message();
    return content.error();
  }
  const auto before = parse_client_config(*content, file.string(), why);
  if (!before) return before.error();
  const auto lines = lines_of(*content);
  std::vector<bool> drop(lines.size());
  std::size_t count = 0;
  for (const auto& section : sections_of(lines)) {
    if (!section.rule || section.pattern != pattern) continue;
    ++count;
    for (auto i = section.begin; i < section.end; ++i) drop[i] = belongs_to_rule(lines[i]);
    // The empty line that set it off goes with it.
    if (section.begin > 0 && trim(lines[section.begin - 1]).empty()) drop[section.begin - 1] = true;
  }
  const auto& rules = before->rules;
  const auto expected = static_cast<std::size_t>(
      std::count_if(rules.begin(), rules.end(), [&](const Rule& r) { return r.pattern == pattern; }));
  if (count == 0 && expected == 0) return count;
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (!drop[i]) text += lines[i] + '\n';
  const auto after = parse_client_config(text, file.string(), why);
  if (!after || count != expected || after->rules.size() + count != rules.size()) {
    why = "the rules in " + file.string() + " are written in a way that only a person can change";
    return make_error_code(Errc::bad_input);
  }
  if (auto ok = write_private_file(file, text); !ok) {
    why = "cannot write " + file.string() + ": " + ok.error().message();
    return ok.error();
  }
  return count;
}

}  // namespace surang::config
