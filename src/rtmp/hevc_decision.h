#pragma once

#include <optional>

#include "rtmp/protocol/server_capabilities.h"
#include "rtmp/session_config.h"

namespace campush {

/// What is known of a server and H.265.
enum class hevc_knowledge : uint8_t {
  silent,              ///< it said nothing of codecs, or was not asked yet
  listed,              ///< hvc1 or * stands in its list
  not_listed,          ///< it has a list, without
  refuses_properties,  ///< it cannot be asked
};
inline constexpr size_t hevc_knowledge_count = 4;
hevc_knowledge knowledge_of(const std::optional<server_capabilities>& answer) noexcept;

/// What an H.265 stream becomes for one destination.
enum class hevc_form : uint8_t { refused, enhanced, legacy12 };

struct hevc_plan {
  hevc_form form = hevc_form::enhanced;
  bool asks = false;  ///< the connect command carries hvc1
  friend bool operator==(const hevc_plan& left, const hevc_plan& right) noexcept {
    return left.form == right.form && left.asks == right.asks;
  }
};

/// The decision, as a table: an explicit mode wins over everything; in auto a list that lacks hvc1 is a refusal, and silence none
/// (no server that takes H.265 today says so).
/// Thread: any-thread (pure).
/// Source: facts/rtmp 4.4.
hevc_plan plan_hevc(hevc_mode mode, hevc_knowledge known) noexcept;

}  // namespace campush
