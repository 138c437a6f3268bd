#include "config/toml_reader.hpp"

#include <toml++/toml.h>
#include <algorithm>
#include <numeric>

namespace surang::config {
namespace {

// Levenshtein's distance, for "did you mean".
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row.back();
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// Whether `name` looks like `known`, mistyped.
bool mistyped(std::string_view name, std::string_view known) {
  return edit_distance(name, known) <= std::max<std::size_t>(2, name.size() / 3);
}

std::string unknown_key(std::string_view name, std::string_view meant) {
  return "unknown key " + quoted(name) + (meant.empty() ? "" : ", did you mean " + quoted(meant) + "?");
}

}  // namespace

struct TomlReader::Node {
  std::shared_ptr<const toml::table> document;  // keeps `table` alive
  const toml::table* table;
  std::string file_name;
  std::vector<std::string> asked;
};

TomlReader::TomlReader(std::shared_ptr<Node> node) : node_(std::move(node)) {}

TomlReader TomlReader::parse(std::string_view text, std::string file_name) {
  try {
    auto document = std::make_shared<const toml::table>(toml::parse(text, file_name));
    const auto* table = document.get();
    return TomlReader(std::make_shared<Node>(Node{std::move(document), table, std::move(file_name), {}}));
  } catch (const toml::parse_error& e) {
    throw ConfigError(file_name + ":" + std::to_string(e.source().begin.line) + ": " +
                      std::string(e.description()));
  }
}

void TomlReader::fail(std::string_view key, const std::string& what) const {
  auto line = node_->table->source().begin.line;
  if (const auto* node = node_->table->get(key)) line = node->source().begin.line;
  throw ConfigError(node_->file_name + ":" + std::to_string(line) + ": " + what);
}

void TomlReader::missing(std::string_view key, const std::string& what) const {
  if (!node_->table->contains(key))
    for (const auto& [present, value] : *node_->table) {
      const std::string_view name = present.str();
      if (std::ranges::find(node_->asked, name) == node_->asked.end() && mistyped(name, key))
        fail(name, unknown_key(name, key));
    }
  fail(key, what);
}

std::optional<std::string> TomlReader::string(std::string_view key) {
  node_->asked.emplace_back(key);
  const auto* node = node_->table->get(key);
  if (!node) return std::nullopt;
  if (!node->is_string()) fail(key, quoted(key) + " must be a text in quotes");
  return node->as_string()->get();
}

std::string TomlReader::required_string(std::string_view key) {
  auto value = string(key);
  if (!value) missing(key, quoted(key) + " is missing");
  return std::move(*value);
}

std::optional<bool> TomlReader::boolean(std::string_view key) {
  node_->asked.emplace_back(key);
  const auto* node = node_->table->get(key);
  if (!node) return std::nullopt;
  if (!node->is_boolean()) fail(key, quoted(key) + " must be true or false");
  return node->as_boolean()->get();
}

std::optional<std::int64_t> TomlReader::integer(std::string_view key, std::int64_t least, std::int64_t most) {
  node_->asked.emplace_back(key);
  const auto* node = node_->table->get(key);
  if (!node) return std::nullopt;
  const auto range = " from " + std::to_string(least) + " to " + std::to_string(most);
  if (!node->is_integer()) fail(key, quoted(key) + " must be a whole number" + range);
  const auto value = node->as_integer()->get();
  if (value < least || value > most)
    fail(key, quoted(key) + " must be" + range + ", not " + std::to_string(value));
  return value;
}

std::optional<std::vector<std::string>> TomlReader::strings(std::string_view key) {
  node_->asked.emplace_back(key);
  const auto* node = node_->table->get(key);
  if (!node) return std::nullopt;
  const auto* array = node->as_array();
  if (!array) fail(key, quoted(key) + " must be a list of texts, [\"…\", \"…\"]");
  std::vector<std::string> values;
  for (const auto& element : *array) {
    if (!element.is_string()) fail(key, quoted(key) + " must hold only texts in quotes");
    values.push_back(element.as_string()->get());
  }
  return values;
}

std::optional<TomlReader> TomlReader::table(std::string_view key) {
  node_->asked.emplace_back(key);
  const auto* node = node_->table->get(key);
  if (!node) return std::nullopt;
  if (!node->is_table()) fail(key, quoted(key) + " must be a section, [" + std::string(key) + "]");
  return TomlReader(std::make_shared<Node>(Node{node_->document, node->as_table(), node_->file_name, {}}));
}

std::vector<TomlReader> TomlReader::tables(std::string_view key) {
  node_->asked.emplace_back(key);
  std::vector<TomlReader> found;
  const auto* node = node_->table->get(key);
  if (!node) return found;
  const auto* array = node->as_array();
  if (!array || (!array->empty() && !array->is_array_of_tables()))
    fail(key, quoted(key) + " must be a repeated section, [[" + std::string(key) + "]]");
  for (const auto& element : *array)
    found.push_back(
        TomlReader(std::make_shared<Node>(Node{node_->document, element.as_table(), node_->file_name, {}})));
  return found;
}

void TomlReader::finish() const {
  for (const auto& [key, value] : *node_->table) {
    const std::string_view name = key.str();
    if (std::ranges::find(node_->asked, name) != node_->asked.end()) continue;
    const auto nearest = std::ranges::min_element(
        node_->asked, {}, [&](const std::string& known) { return edit_distance(name, known); });
    const bool meant = nearest != node_->asked.end() && mistyped(name, *nearest);
    fail(name, unknown_key(name, meant ? std::string_view(*nearest) : std::string_view()));
  }
}

}  // namespace surang::config
