#pragma once

#include <string_view>

namespace campush {

/// etc/system_config.schema.json as the build found it, without descriptions and indentation. Thread: any-thread.
std::string_view config_schema_text() noexcept;

}  // namespace campush
