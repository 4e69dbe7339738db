#include "rtmp/hevc_decision.h"

namespace campush {

namespace {

constexpr size_t mode_count = 4;
static_assert(static_cast<size_t>(hevc_mode::h264_only) + 1 == mode_count);
static_assert(static_cast<size_t>(hevc_knowledge::refuses_properties) + 1 == hevc_knowledge_count);

constexpr hevc_plan asked{hevc_form::enhanced, true}, unasked{hevc_form::enhanced, false},
    asked_in_vain{hevc_form::refused, true}, domestic{hevc_form::legacy12, false}, never{hevc_form::refused, false};

// Columns: silent, listed, not_listed, refuses_properties. Who is not taken is asked again: it may have been updated.
constexpr hevc_plan plans[mode_count][hevc_knowledge_count] = {
    /* automatic */ {asked, asked, asked_in_vain, unasked},
    /* enhanced  */ {asked, asked, asked, unasked},
    /* legacy12  */ {domestic, domestic, domestic, domestic},
    /* h264_only */ {never, never, never, never},
};

}  // namespace

hevc_knowledge knowledge_of(const std::optional<server_capabilities>& answer) noexcept {
  if (!answer) return hevc_knowledge::silent;
  if (answer->refuses_properties) return hevc_knowledge::refuses_properties;
  if (!answer->has_video_list) return hevc_knowledge::silent;
  return answer->takes_hevc ? hevc_knowledge::listed : hevc_knowledge::not_listed;
}

hevc_plan plan_hevc(hevc_mode mode, hevc_knowledge known) noexcept {
  return plans[static_cast<size_t>(mode)][static_cast<size_t>(known)];
}

}  // namespace campush
