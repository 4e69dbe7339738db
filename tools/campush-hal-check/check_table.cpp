#include "check_table.h"

#include <algorithm>

namespace campush {

namespace {

struct check_facts {
  check_id id;
  const char* name;
  const char* remedy;
};
constexpr check_facts facts[] = {
    {check_id::load, "load", "Compile against this agent's camera_hal.h and fill in what its comments ask for."},
    {check_id::describe_again, "describe again",
     "describe must give the same answer at any time, also while channels run."},
    {check_id::older_agent, "older agent",
     "Write no byte at or beyond the size found in a structure (camera_hal.h, Forward compatibility)."},
    {check_id::unknown_channel, "unknown channel", "Answer INVALID to a kind or number that does not exist."},
    {check_id::open, "open", "open sets *channel and a codec that describe_channel names, and returns 0."},
    {check_id::second_open, "second open", "Answer BUSY while the channel is open."},
    {check_id::first_unit, "first unit",
     "After start the first unit comes within 4 s and is a keyframe: request one from the encoder in start."},
    {check_id::poll_fd, "poll_fd",
     "The descriptor must be open, readable when get has a unit, and not when it has none; else leave poll_fd null."},
    {check_id::get_time_out, "get: time-out",
     "get returns AGAIN when its time-out is over, not before; with 0 it does not wait."},
    {check_id::units, "units",
     "Fill every field of the unit: codec, parts, part_count; no part null, all together at most 8 MiB."},
    {check_id::start_codes, "Annex B", "Put 00 00 00 01 before every NAL unit, not its length."},
    {check_id::one_picture, "one picture a unit",
     "One unit is one picture with all its slices: collect packs until the last of the picture."},
    {check_id::parameter_sets, "parameter sets",
     "Hand out SPS and PPS (H.265: VPS too) in the unit of each keyframe, not once and not apart."},
    {check_id::sequence, "sequence",
     "Units are lost between encoder and get: enlarge the encoder's buffers. If nothing is lost, count by 1."},
    {check_id::clock, "clock",
     "Stamp units with CLOCK_MONOTONIC: most SDKs can be told to, or their clock is converted at start."},
    {check_id::order, "order", "Units come in decoding order; with B-frames fill dts_us and set HAS_DTS."},
    {check_id::rate, "frame rate", "open must say the rate at which pictures really come, in thousandths per second."},
    {check_id::lease, "lease",
     "Bytes stay as they are until release: do not give the buffer back to the encoder before."},
    {check_id::release, "release", "release of a leased unit returns 0."},
    {check_id::keyframe, "request_keyframe",
     "The next picture becomes a keyframe with parameter sets; leave the entry null where the encoder cannot."},
    {check_id::bitrate, "set_bitrate",
     "Take any rate within min_bitrate_kbps and max_bitrate_kbps; leave the entry null where the encoder cannot."},
    {check_id::codec, "set_codec",
     "Deliver the other codec from a keyframe on within 4 s; leave the entry null where the encoder cannot."},
    {check_id::stop, "stop", "stop returns 0 within 700 ms, and get gives no unit after it."},
    {check_id::restart, "start after stop", "stop and start may alternate: keep what open has set up."},
    {check_id::reopen, "open after close", "close gives the channel back whatever state it is in."},
    {check_id::leaks, "nothing left behind",
     "close ends every thread and closes every descriptor that open and start have made."},
};
static_assert(std::size(facts) == static_cast<size_t>(check_id::count));

constexpr const char* state_names[] = {"not run", "passed", "FAILED", "not offered"};

}  // namespace

void check_table::pass(check_id id, std::string detail) {
  check_row& row = m_rows[static_cast<size_t>(id)];
  if (row.state == check_state::not_run) row = {check_state::passed, std::move(detail)};
}

void check_table::fail(check_id id, std::string detail) {
  check_row& row = m_rows[static_cast<size_t>(id)];
  if (row.state != check_state::failed) row = {check_state::failed, std::move(detail)};
}

void check_table::skip(check_id id, std::string detail) {
  check_row& row = m_rows[static_cast<size_t>(id)];
  if (row.state == check_state::not_run) row = {check_state::not_offered, std::move(detail)};
}

bool check_table::has_failures() const {
  return std::any_of(m_rows.begin(), m_rows.end(),
                     [](const check_row& row) { return row.state == check_state::failed; });
}

const char* check_table::name(check_id id) {
  return facts[static_cast<size_t>(id)].name;
}

std::string check_table::text() const {
  constexpr size_t name_width = 22, state_width = 13;
  std::string out;
  for (const check_facts& fact : facts) {
    const check_row& one = row(fact.id);
    std::string line = fact.name;
    line.resize(std::max(name_width, line.size() + 1), ' ');
    line += state_names[static_cast<size_t>(one.state)];
    if (!one.detail.empty()) {
      line.resize(std::max(name_width + state_width, line.size() + 1), ' ');
      line += one.detail;
    }
    out += line + "\n";
    if (one.state == check_state::failed) out += std::string(name_width, ' ') + "-> " + fact.remedy + "\n";
  }
  return out;
}

}  // namespace campush
