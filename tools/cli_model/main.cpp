#include <CLI/CLI.hpp>
#include <cstdio>

#include "app/cli_definition.h"
#include "cli/help_format.h"
#include "hal_check_cli.h"
#include "server/json.h"
#include "sink_cli.h"

namespace {

using campush::json_writer;

void write_texts(json_writer& out, const char* name, const std::vector<std::string>& texts) {
  out.key(name).begin_array();
  for (const std::string& text : texts) out.value(text);
  out.end_array();
}

void write_option(json_writer& out, const CLI::Option& option) {
  const campush::option_facts facts = campush::facts_of(option);
  out.begin_object();
  write_texts(out, "names", facts.names);
  out.member("positional", facts.positional).member("value", facts.value).member("range", facts.range);
  out.member("preset", facts.preset).member("text", facts.text).member("group", option.get_group());
  write_texts(out, "needs", facts.needs);
  out.member("is_required", facts.is_required).member("is_repeated", facts.is_repeated);
  out.end_object();
}

void write_command(json_writer& out, const CLI::App& command) {
  out.begin_object();
  out.member("name", command.get_name()).member("summary", command.get_description());
  out.member("footer", command.get_footer());
  out.key("options").begin_array();
  for (const CLI::Option* option : command.get_options()) write_option(out, *option);
  out.end_array();
  out.key("commands").begin_array();
  // One level, which is all there is.
  for (const CLI::App* below : command.get_subcommands(nullptr)) write_command(out, *below);
  out.end_array().end_object();
}

void write_all() {
  CLI::App agent, sink, hal_check;
  campush::all_options agent_options;
  campush::define_cli(agent, agent_options);
  campush::sink_options sink_options;
  std::string listen = campush::sink_default_listen;
  campush::define_sink_cli(sink, sink_options, listen);
  campush::hal_check_options hal_check_options;
  bool is_audio = false;
  campush::define_hal_check_cli(hal_check, hal_check_options, is_audio);
  json_writer out;
  out.begin_array();
  for (const CLI::App* program : {&agent, &sink, &hal_check}) write_command(out, *program);
  out.end_array();
  std::printf("%s\n", out.take().c_str());
}

}  // namespace

/// Prints the command lines of campush, campush-sink and campush-hal-check as JSON.
int main() {
  try {
    write_all();
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "campush-cli-model: %s\n", problem.what());
    return 1;
  }
}
