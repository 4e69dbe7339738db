#include "cli/help_format.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <sstream>

namespace campush {

namespace {

constexpr size_t name_column = 28, line_width = 79;

/// CLI11 says type and validators as one text: "SECONDS:UINT in [5 - 86400]".
void split_type(std::string type, option_facts& facts) {
  constexpr std::string_view range_mark = " in [", file_mark = ":FILE";
  const size_t range = type.find(range_mark);
  if (range != std::string::npos) {
    facts.range = type.substr(range + range_mark.size(), type.find(']', range) - range - range_mark.size());
    const size_t dash = facts.range.find(" - ");
    if (dash != std::string::npos) facts.range.replace(dash, 3, " to ");
    type.erase(type.rfind(':', range));
  }
  if (type.size() > file_mark.size() &&
      type.compare(type.size() - file_mark.size(), file_mark.size(), file_mark) == 0) {
    type.erase(type.size() - file_mark.size());
  }
  facts.value = std::move(type);
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

class plain_help : public CLI::Formatter {
 public:
  plain_help() {
    column_width(name_column);
    label("SUBCOMMAND", "COMMAND");
    label("Subcommands", "Commands");
  }

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    const option_facts facts = facts_of(*option);
    return is_positional || facts.names.empty() ? facts.positional : joined(facts.names, ", ");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const option_facts facts = facts_of(*option);
    if (facts.names.empty()) return facts.is_repeated ? "..." : "";
    return facts.value.empty() ? "" : " " + facts.value;
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const option_facts facts = facts_of(*option);
    std::string text = facts.text;
    if (!facts.range.empty()) text += " (" + facts.range + ")";
    if (!facts.preset.empty()) text += " [" + facts.preset + "]";
    if (!facts.needs.empty()) text += " (with " + joined(facts.needs, ", ") + ")";
    if (facts.is_repeated && !facts.names.empty()) text += " (may be repeated)";
    return wrap_text(text, line_width - name_column);
  }
  std::string make_description(const CLI::App* app) const override {
    return wrap_text(app->get_description(), line_width) + "\n";
  }
  std::string make_subcommand(const CLI::App* command) const override {
    std::ostringstream out;
    CLI::detail::format_help(out, command->get_name(), wrap_text(command->get_description(), line_width - name_column),
                             name_column);
    return out.str();
  }
};

}  // namespace

option_facts facts_of(const CLI::Option& option) {
  option_facts facts;
  for (const std::string& name : option.get_snames()) facts.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) facts.names.push_back("--" + name);
  if (facts.names.empty()) facts.positional = option.get_name(true);
  if (option.get_items_expected_max() > 0 && option.get_type_size() != 0) {
    split_type(option.get_type_name(), facts);
    facts.is_repeated = option.get_items_expected_max() > 1;
  }
  facts.preset = option.get_default_str();
  facts.text = option.get_description();
  for (const CLI::Option* needed : option.get_needs()) facts.needs.push_back(needed->get_name());
  // They come in the order of their addresses.
  std::sort(facts.needs.begin(), facts.needs.end());
  facts.is_required = option.get_required();
  return facts;
}

std::string wrap_text(const std::string& text, size_t width) {
  std::string out;
  size_t line_start = 0, last_space = std::string::npos;
  for (const char letter : text) {
    out += letter;
    if (letter == '\n') {
      line_start = out.size();
      last_space = std::string::npos;
      continue;
    }
    if (letter == ' ') last_space = out.size() - 1;
    if (out.size() - line_start <= width || last_space == std::string::npos || letter == ' ') continue;
    out[last_space] = '\n';
    line_start = last_space + 1;
    last_space = std::string::npos;
  }
  return out;
}

void use_plain_help(CLI::App& app) {
  app.formatter(std::make_shared<plain_help>());
}

}  // namespace campush
