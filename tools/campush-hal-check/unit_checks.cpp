#include "unit_checks.h"

#include <algorithm>
#include <cmath>

#include "media/aac.h"
#include "media/codec_config.h"
#include "media/h264.h"

namespace campush {

namespace {

constexpr duration least_delay = std::chrono::milliseconds(-20), longest_delay = std::chrono::seconds(2);
/// What a machine under load may do to a few seconds of pictures.
constexpr double rate_tolerance = 0.25;

bool begins_with_start_code(byte_view bytes) {
  const bool is_long = bytes.size() > 4 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 0 && bytes[3] == 1;
  return is_long || (bytes.size() > 3 && bytes[0] == 0 && bytes[1] == 0 && bytes[2] == 1);
}

struct nal_facts {
  bool is_first_slice = false;
  uint32_t set = 0;  ///< a bit for each kind of parameter set
};

nal_facts facts_of(codec_id codec, nal_unit nal) {
  nal_facts facts;
  if (codec == codec_id::h264) {
    const uint8_t type = h264_nal_type(nal[0]);
    const bool is_slice = type == h264_nal::slice || type == h264_nal::idr_slice;
    facts.is_first_slice = is_slice && nal.size() > 1 && (nal[1] & 0x80) != 0;
    facts.set = type == h264_nal::sps ? 1u : type == h264_nal::pps ? 2u : 0u;
  } else {
    const uint8_t type = h265_nal_type(nal[0]);
    facts.is_first_slice = type < h265_nal::vps && nal.size() > 2 && (nal[2] & 0x80) != 0;
    facts.set = type >= h265_nal::vps && type <= h265_nal::pps ? 1u << (type - h265_nal::vps) : 0u;
  }
  return facts;
}

std::string of(uint64_t count, uint64_t all) {
  return std::to_string(count) + " of " + std::to_string(all) + " units";
}

}  // namespace

void unit_checks::add(const checked_unit& unit, time_point arrival) {
  if (m_units++ == 0) m_first = arrival;
  m_last = arrival;
  if (m_units > 1) m_samples += unit.codec == codec_id::aac ? aac_samples_per_frame : unit.payload.size();
  const uint32_t step = unit.sequence - m_last_sequence;
  if (unit.sequence != 0 && m_last_sequence != 0 && step != 1) m_lost += std::max(step, 2u) - 1;
  m_is_counted = m_is_counted || unit.sequence != 0;
  m_last_sequence = unit.sequence;
  if (unit.dts_us <= m_last_dts_us || unit.pts_us < unit.dts_us) ++m_backward;
  m_last_dts_us = unit.dts_us;
  constexpr int64_t bound = INT64_MAX / 4;
  const duration delay = arrival - time_point(duration(std::clamp(unit.pts_us, -bound, bound)));
  if (delay < least_delay || delay > longest_delay) ++m_far;
  m_latest = std::max(m_latest, delay);
  m_earliest = std::min(m_earliest, delay);
  m_is_video = is_video(unit.codec);
  if (m_is_video) look_at_picture(unit);
}

void unit_checks::look_at_picture(const checked_unit& unit) {
  if (!begins_with_start_code(unit.payload)) {
    ++m_without_start_code;
    return;
  }
  unsigned pictures = 0;
  uint32_t sets = 0;
  annexb_cursor cursor(unit.payload);
  for (nal_unit nal; cursor.next(nal);) {
    const nal_facts facts = facts_of(unit.codec, nal);
    pictures += facts.is_first_slice ? 1 : 0;
    sets |= facts.set;
  }
  m_without_picture += pictures == 0 ? 1 : 0;
  m_with_pictures += pictures > 1 ? 1 : 0;
  if (!inspect_access_unit(unit.codec, unit.payload).is_keyframe) return;
  ++m_keyframes;
  if (sets != (unit.codec == codec_id::h264 ? 3u : 7u)) ++m_without_sets;
}

void unit_checks::judge(const hal_opened& opened, check_table& table) const {
  if (m_units < 2) return;
  table.pass(check_id::units, std::to_string(m_units) + " units");
  if (m_far * 20 > m_units) {
    table.fail(check_id::clock, of(m_far, m_units) + " are over 2 s old or from the future by CLOCK_MONOTONIC");
  } else {
    table.pass(check_id::clock, "units come " + std::to_string(m_earliest.count() / 1000) + " to " +
                                    std::to_string(m_latest.count() / 1000) + " ms after their time");
  }
  if (m_backward > 0) table.fail(check_id::order, of(m_backward, m_units) + " do not come after the one before");
  table.pass(check_id::order);
  if (m_lost > 0) table.fail(check_id::sequence, std::to_string(m_lost) + " numbers are missing");
  m_is_counted ? table.pass(check_id::sequence) : table.skip(check_id::sequence, "units are not counted");
  judge_rate(opened, table);
  judge_pictures(table);
}

void unit_checks::judge_rate(const hal_opened& opened, check_table& table) const {
  const double seconds = static_cast<double>((m_last - m_first).count()) / 1e6;
  if (seconds < 0.2) return table.skip(check_id::rate, "too short to tell");
  const double expected = m_is_video ? opened.frame_rate : opened.sample_rate;
  const double measured = static_cast<double>(m_is_video ? m_units - 1 : m_samples) / seconds;
  if (!(expected > 0)) return table.skip(check_id::rate, "open says none");
  char text[96];
  std::snprintf(text, sizeof text, "%.2f a second, open says %.2f", measured, expected);
  std::abs(measured - expected) > expected* rate_tolerance ? table.fail(check_id::rate, text)
                                                           : table.pass(check_id::rate, text);
}

void unit_checks::judge_pictures(check_table& table) const {
  if (!m_is_video) {
    for (const check_id id : {check_id::start_codes, check_id::one_picture, check_id::parameter_sets}) {
      table.skip(id, "sound");
    }
    return;
  }
  if (m_without_start_code > 0) {
    return table.fail(check_id::start_codes, of(m_without_start_code, m_units) + " begin without a start code");
  }
  table.pass(check_id::start_codes);
  if (m_without_picture > 0) table.fail(check_id::one_picture, of(m_without_picture, m_units) + " hold no picture");
  if (m_with_pictures > 0) table.fail(check_id::one_picture, of(m_with_pictures, m_units) + " hold more than one");
  table.pass(check_id::one_picture);
  if (m_without_sets > 0) {
    table.fail(check_id::parameter_sets,
               std::to_string(m_without_sets) + " of " + std::to_string(m_keyframes) + " keyframes come without");
  }
  if (m_keyframes > 0) table.pass(check_id::parameter_sets, std::to_string(m_keyframes) + " keyframes");
}

}  // namespace campush
