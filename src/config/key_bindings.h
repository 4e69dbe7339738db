#pragma once

#include <string>
#include <vector>

#include "config/rapidjson.h"
#include "config/system_config.h"

namespace campush {

/// One session while its sections are laid over each other.
struct session_draft {
  session_config config;
  bool is_enabled = true;
};

// Each function lays the keys that stand in `section` over `target` and leaves the others as they are. The tables behind them are the
// one place that binds a key to a field; range, default, unit and description stand in the schema. Values must have passed the
// schema. Thread: any-thread.
void apply_section(system_options& target, const json_value& section);
void apply_section(http_options& target, const json_value& section);
void apply_section(session_draft& target, const json_value& section);
void apply_section(source_config& target, const json_value& section);
void apply_section(audio_config& target, const json_value& section);
void apply_section(encoder_config& target, const json_value& section);

/// Every key of the tables as "definition/key[/key]" of the schema, for the test that none is missing on either side.
std::vector<std::string> bound_keys();

}  // namespace campush
