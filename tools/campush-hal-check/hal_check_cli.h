#pragma once

#include "hal_check.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so
class App;
}

namespace campush {

/// Defines the command line, which --help, manual page and completion are made from; the rules of a footer stand in
/// app/cli_definition.h. What is given must outlive the parse.
void define_hal_check_cli(CLI::App& app, hal_check_options& options, bool& is_audio);

}  // namespace campush
