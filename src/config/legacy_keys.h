#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "config/json_reader.h"

namespace campush {

/// Keys of the old firmware's other parts, which share its file with RTMP: accepted and ignored. `*` stands for any index.
/// Source: the files in tests/data/legacy, whose foreign keys are exactly these.
using legacy_key_patterns = std::array<std::string_view, 8>;
const legacy_key_patterns& legacy_keys() noexcept;

/// What strip_legacy_keys() found: which entries of the table, and where the first stands.
struct ignored_keys {
  std::vector<std::string_view> patterns;
  std::string first_pointer;
};

/// Takes them out of the document, before the schema sees it. Thread: any-thread.
ignored_keys strip_legacy_keys(json_document& document);

}  // namespace campush
