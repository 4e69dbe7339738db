#pragma once

#include <string>
#include <vector>

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so
class App;
class Option;
}  // namespace CLI

namespace campush {

/// What the definition of one option says, as help, manual page and completion tell it.
/// Units: as the option's; `range` is "5 to 86400", empty where any value goes.
struct option_facts {
  std::vector<std::string> names;  ///< "-c", "--config"; empty for a positional one
  std::string positional;          ///< its name, for one without dashes
  std::string value;               ///< "FILE", "HOST:PORT", "refuse|replace|allow"; empty for a flag
  std::string range, preset, text;
  std::vector<std::string> needs;  ///< options that must be given beside it
  bool is_required = false, is_repeated = false;
};
option_facts facts_of(const CLI::Option& option);

/// Breaks text into lines of at most `width` characters, at spaces; breaks that it has stay.
std::string wrap_text(const std::string& text, size_t width);

/// Makes --help of this program and of the commands that are added after this call fit 80 columns.
void use_plain_help(CLI::App& app);

}  // namespace campush
