#pragma once

#include "config/json_reader.h"

namespace campush {

/// Checks a document against etc/system_config.schema.json.
/// Errors: invalid_argument, one line for the first mistake: where, what was found and what is allowed, or the unknown key with the
///   known one it resembles. Texts that the schema marks as secret, or that look like an address, are never shown.
/// Thread: any-thread.
/// Source: RapidJSON 1.1 reports a failed oneOf only as such; the value is checked again against the branch of its JSON type.
[[nodiscard]] result<void> check_schema(const json_document& document);

/// The names that the schema knows at the top of a document.
std::vector<std::string> top_level_keys();

/// " (did you mean "bitrate"?)" if one of `known` is near `found`, else an empty text.
std::string suggestion(std::string_view found, const std::vector<std::string>& known);

}  // namespace campush
