#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "sink_cli.h"
#include "util/log.h"

namespace {

int usage_error(const std::string& text) {
  std::fprintf(stderr, "campush-sink: %s\n", text.c_str());
  return 2;
}

int run(int argc, char** argv) {
  campush::sink_options options;
  std::string listen = campush::sink_default_listen;
  CLI::App app;
  campush::define_sink_cli(app, options, listen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  const auto at = campush::parse_listen_address(listen);
  if (!at) return usage_error("--listen " + listen + ": " + at.error().message);
  options.server.listen = *at;
  if (!options.server.record_dir.empty()) {
    std::error_code failure;
    std::filesystem::create_directories(options.server.record_dir, failure);
    if (failure) return usage_error("--record " + options.server.record_dir + ": " + failure.message());
  }
  // stdout belongs to the report.
  campush::set_log_level(campush::log_level::warn);
  return campush::run_sink(options);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    return usage_error(problem.what());
  }
}
