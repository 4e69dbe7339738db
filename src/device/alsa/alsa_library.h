#pragma once

#include <alsa/asoundlib.h>

#include "util/result.h"

namespace campush {

/// The functions of libasound that this program calls, by their names without snd_.
#define CAMPUSH_ALSA_CALLS(call)                                                                                       \
  call(strerror) call(lib_error_set_handler) call(pcm_open) call(pcm_close) call(pcm_prepare) call(pcm_start)          \
      call(pcm_avail_update) call(pcm_drop) call(pcm_resume) call(pcm_readi) call(pcm_poll_descriptors_count) call(    \
          pcm_poll_descriptors) call(pcm_poll_descriptors_revents) call(pcm_hw_params_malloc) call(pcm_hw_params_free) \
          call(pcm_hw_params_any) call(pcm_hw_params_set_access) call(pcm_hw_params_set_format)                        \
              call(pcm_hw_params_set_channels_near) call(pcm_hw_params_set_rate_near) call(                            \
                  pcm_hw_params_set_period_time_near) call(pcm_hw_params_set_buffer_time_near) call(pcm_hw_params)     \
                  call(pcm_hw_params_get_channels) call(pcm_hw_params_get_channels_min) call(                          \
                      pcm_hw_params_get_channels_max) call(pcm_hw_params_get_rate) call(pcm_hw_params_get_rate_min)    \
                      call(pcm_hw_params_get_rate_max) call(pcm_hw_params_get_period_size)                             \
                          call(pcm_hw_params_get_buffer_size) call(pcm_sw_params_malloc) call(pcm_sw_params_free)      \
                              call(pcm_sw_params_current) call(pcm_sw_params_set_tstamp_mode) call(                    \
                                  pcm_sw_params_set_tstamp_type) call(pcm_sw_params_set_avail_min) call(pcm_sw_params) \
                                  call(pcm_status_malloc) call(pcm_status_free) call(pcm_status)                       \
                                      call(pcm_status_get_state) call(pcm_status_get_avail) call(pcm_status_get_delay) \
                                          call(pcm_status_get_htstamp) call(card_next) call(ctl_open) call(ctl_close)  \
                                              call(ctl_card_info_malloc) call(ctl_card_info_free) call(ctl_card_info)  \
                                                  call(ctl_card_info_get_id) call(ctl_pcm_next_device)                 \
                                                      call(ctl_pcm_info) call(pcm_info_malloc) call(pcm_info_free)     \
                                                          call(pcm_info_set_device) call(pcm_info_set_subdevice)       \
                                                              call(pcm_info_set_stream) call(pcm_info_get_name)

struct alsa_calls {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a member's name takes none.
#define CAMPUSH_ALSA_MEMBER(name) decltype(&::snd_##name) name = nullptr;
  CAMPUSH_ALSA_CALLS(CAMPUSH_ALSA_MEMBER)
#undef CAMPUSH_ALSA_MEMBER
};

/// Loads the library when it is first asked for: an agent without a microphone does not carry it. It is never unloaded. What it would
/// print to stderr goes to the log at debug level.
/// Errors: not_found with the loader's own words and the package.
/// Thread: any-thread. The first call reads files.
[[nodiscard]] result<const alsa_calls*> load_alsa();

}  // namespace campush
