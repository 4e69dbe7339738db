#pragma once

#include "app/commands/commands.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so
class App;
}

namespace campush {

/// The options of every command.
struct all_options {
  run_options run;
  check_options check;
  urls_options urls;
  status_options status;
  retry_options retry;
  devices_options devices;
  demo_options demo;
};

/// Defines the command line: what --help says, what is parsed, and what manual page and completion are made from
/// (tools/cli_docs.py). `options` must outlive the parse.
/// Shape: a footer is paragraphs, then sections. A section begins with a line that ends with a colon; its lines are indented by
///   two spaces: a term, two or more spaces, what it means; deeper indented lines go on with the meaning.
void define_cli(CLI::App& app, all_options& options);

}  // namespace campush
