#pragma once

#include <string>

#include "sink.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so
class App;
}

namespace campush {

inline constexpr const char* sink_default_listen = "127.0.0.1:1935";

/// Defines the command line, which --help, manual page and completion are made from; the rules of a footer stand in
/// app/cli_definition.h. What is given must outlive the parse; `listen` holds sink_default_listen.
void define_sink_cli(CLI::App& app, sink_options& options, std::string& listen);

}  // namespace campush
