#include "rtmp/protocol/chunk_reader.h"

#include <algorithm>
#include <array>
#include <vector>

#include "util/byte_reader.h"

namespace campush {

namespace {

constexpr uint32_t default_chunk_size = 128;
constexpr uint32_t extended_mark = 0xffffff;
constexpr size_t max_header_bytes = 3 + 11 + 4;
/// Message header bytes behind the basic header, by type (fmt).
constexpr std::array<size_t, 4> message_header_bytes = {11, 7, 3, 0};

/// What one chunk stream remembers between chunks.
struct chunk_stream_record {
  uint32_t id = 0;
  bool has_header = false;
  bool has_extended_timestamp = false;
  bool is_in_message = false;
  uint32_t timestamp_field = 0;  ///< absolute after type 0, delta after types 1 and 2; extended value if there was one
  uint32_t timestamp_ms = 0;
  uint32_t length = 0;
  uint8_t type = 0;
  uint32_t message_stream_id = 0;
  std::vector<uint8_t> payload;

  void drop_payload(size_t keep_capacity) {
    if (payload.capacity() > keep_capacity) {
      std::vector<uint8_t>().swap(payload);
    } else {
      payload.clear();
    }
  }
};

size_t basic_header_bytes(uint8_t first) noexcept {
  const uint8_t low = first & 0x3f;
  return low == 0 ? 2 : low == 1 ? 3 : 1;
}

tl::unexpected<error> violation(const char* what) {
  return fail(error_code::protocol_violation, what);
}

}  // namespace

struct chunk_reader::state {
  explicit state(const chunk_limits& given) : limits(given) {}

  enum class step : uint8_t { header, extended_repeat, payload };

  result<void> process(byte_view bytes, handler& to);
  result<size_t> read_header(byte_view bytes, handler& to);
  result<void> apply_header(handler& to);
  result<void> check_format(const chunk_stream_record& stream, uint8_t format) const;
  result<chunk_stream_record*> find_stream(uint32_t id);
  void read_fields(chunk_stream_record& stream, uint8_t format, byte_reader& fields) const;
  result<size_t> compare_repeat(byte_view bytes, handler& to);
  result<void> begin_payload(handler& to);
  result<size_t> read_payload(byte_view bytes, handler& to);
  result<void> finish_message(chunk_stream_record& stream, byte_view payload, handler& to);
  result<void> obey(const rtmp_message& message);

  size_t header_bytes_wanted() const noexcept;

  chunk_limits limits;
  uint64_t total = 0;
  std::unique_ptr<error> failure;

  step now = step::header;
  std::array<uint8_t, max_header_bytes> header{};
  size_t header_size = 0;
  size_t repeat_matched = 0;
  size_t current = 0;  ///< index into streams
  uint32_t chunk_left = 0;
  uint32_t chunk_size = default_chunk_size;
  size_t pending_bytes = 0;
  std::vector<chunk_stream_record> streams;
};

/// Grows as the bytes are seen: the basic header tells its own size and the type, the timestamp field the extension.
size_t chunk_reader::state::header_bytes_wanted() const noexcept {
  if (header_size == 0) return 1;
  const size_t basic = basic_header_bytes(header[0]);
  const size_t fixed = basic + message_header_bytes[header[0] >> 6];
  if (header_size < fixed || header[0] >> 6 == 3) return fixed;
  const bool is_extended = header[basic] == 0xff && header[basic + 1] == 0xff && header[basic + 2] == 0xff;
  return fixed + (is_extended ? 4 : 0);
}

result<size_t> chunk_reader::state::read_header(byte_view bytes, handler& to) {
  size_t used = 0;
  for (size_t wanted = header_bytes_wanted(); header_size < wanted; wanted = header_bytes_wanted()) {
    const byte_view part = bytes.subview(used, wanted - header_size);
    if (part.empty()) return used;
    std::copy(part.begin(), part.end(), header.begin() + static_cast<std::ptrdiff_t>(header_size));
    header_size += part.size();
    used += part.size();
  }
  if (result<void> applied = apply_header(to); !applied) return tl::unexpected<error>(std::move(applied.error()));
  return used;
}

result<chunk_stream_record*> chunk_reader::state::find_stream(uint32_t id) {
  const auto found = std::find_if(streams.begin(), streams.end(), [id](const auto& each) { return each.id == id; });
  current = static_cast<size_t>(found - streams.begin());
  if (found == streams.end()) {
    if (streams.size() >= limits.max_chunk_streams) return fail(error_code::too_big, "too many chunk streams");
    streams.emplace_back().id = id;
  }
  return &streams[current];
}

result<void> chunk_reader::state::check_format(const chunk_stream_record& stream, uint8_t format) const {
  if (stream.is_in_message && format != 3) return violation("chunk header changes inside a message");
  const bool may_begin = format == 0 || (format == 1 && limits.accepts_first_type1);
  if (!stream.has_header && !may_begin) return violation("chunk stream does not begin with a type 0 header");
  return {};
}

void chunk_reader::state::read_fields(chunk_stream_record& stream, uint8_t format, byte_reader& fields) const {
  if (format == 3) return;
  stream.timestamp_field = fields.read_u24();
  if (format <= 1) {
    stream.length = fields.read_u24();
    stream.type = fields.read_u8();
  }
  if (format == 0) stream.message_stream_id = fields.read_u32_le();
  stream.has_extended_timestamp = stream.timestamp_field == extended_mark;
  if (stream.has_extended_timestamp) stream.timestamp_field = fields.read_u32();
}

result<void> chunk_reader::state::apply_header(handler& to) {
  byte_reader fields({header.data(), header_size});
  header_size = 0;
  const uint8_t first = fields.read_u8();
  const auto format = static_cast<uint8_t>(first >> 6);
  uint32_t id = first & 0x3f;
  if (id <= 1) {
    const bool is_long = id == 1;
    id = 64 + fields.read_u8();
    if (is_long) id += uint32_t{fields.read_u8()} << 8;
  }
  result<chunk_stream_record*> found = find_stream(id);
  if (!found) return tl::unexpected<error>(std::move(found.error()));
  chunk_stream_record& stream = **found;
  if (result<void> allowed = check_format(stream, format); !allowed) return allowed;
  read_fields(stream, format, fields);
  stream.has_header = true;
  if (stream.length > limits.max_message_bytes) return fail(error_code::too_big, "message is too long");
  if (!stream.is_in_message) {
    // A type 3 header that starts a message adds the last field again, even the absolute one of a type 0 header: ffmpeg
    // writes its second message so (RTMP 1.0 section 5.3.1.2.4).
    stream.timestamp_ms = format == 0 ? stream.timestamp_field : stream.timestamp_ms + stream.timestamp_field;
    stream.is_in_message = true;
  }
  if (format == 3 && stream.has_extended_timestamp) {
    now = step::extended_repeat;
    repeat_matched = 0;
    return {};
  }
  return begin_payload(to);
}

/// A type 3 chunk of a message with an extended timestamp repeats it, except from old FMLE, which goes on with payload.
/// The bytes tell: as soon as one differs from the timestamp, those that matched were payload too and are read again.
result<size_t> chunk_reader::state::compare_repeat(byte_view bytes, handler& to) {
  const uint32_t expected = streams[current].timestamp_field;
  std::array<uint8_t, 4> wire{};
  for (size_t i = 0; i < wire.size(); ++i) wire[i] = static_cast<uint8_t>(expected >> (24 - 8 * i));
  size_t used = 0;
  while (repeat_matched < wire.size() && used < bytes.size() && bytes[used] == wire[repeat_matched]) {
    ++repeat_matched;
    ++used;
  }
  if (repeat_matched < wire.size() && used == bytes.size()) return used;
  const size_t replayed = repeat_matched == wire.size() ? 0 : repeat_matched;
  if (result<void> begun = begin_payload(to); !begun) return tl::unexpected<error>(std::move(begun.error()));
  if (result<void> again = process({wire.data(), replayed}, to); !again) {
    return tl::unexpected<error>(std::move(again.error()));
  }
  return used;
}

result<void> chunk_reader::state::begin_payload(handler& to) {
  chunk_stream_record& stream = streams[current];
  chunk_left = std::min<uint32_t>(chunk_size, stream.length - static_cast<uint32_t>(stream.payload.size()));
  now = step::payload;
  if (chunk_left == 0) return finish_message(stream, {}, to);
  return {};
}

result<size_t> chunk_reader::state::read_payload(byte_view bytes, handler& to) {
  chunk_stream_record& stream = streams[current];
  const byte_view part = bytes.subview(0, chunk_left);
  // A message that lies whole in what was fed needs no copy.
  if (stream.payload.empty() && part.size() == stream.length) {
    if (result<void> done = finish_message(stream, part, to); !done)
      return tl::unexpected<error>(std::move(done.error()));
    return part.size();
  }
  if (pending_bytes + part.size() > limits.max_pending_bytes) {
    return fail(error_code::too_big, "too many bytes in unfinished messages");
  }
  pending_bytes += part.size();
  stream.payload.insert(stream.payload.end(), part.begin(), part.end());
  chunk_left -= static_cast<uint32_t>(part.size());
  if (stream.payload.size() == stream.length) {
    if (result<void> done = finish_message(stream, stream.payload, to); !done) {
      return tl::unexpected<error>(std::move(done.error()));
    }
  } else if (chunk_left == 0) {
    now = step::header;
  }
  return part.size();
}

result<void> chunk_reader::state::finish_message(chunk_stream_record& stream, byte_view payload, handler& to) {
  now = step::header;
  stream.is_in_message = false;
  const rtmp_message message{
      {static_cast<message_type>(stream.type), stream.id, stream.timestamp_ms, stream.message_stream_id}, payload};
  result<void> outcome = obey(message);
  if (outcome) outcome = to.on_message(message);
  pending_bytes -= stream.payload.size();
  // What is kept for the next message is a fair share of what may be pending at all.
  stream.drop_payload(limits.max_pending_bytes / std::max<uint32_t>(limits.max_chunk_streams, 1));
  return outcome;
}

result<void> chunk_reader::state::obey(const rtmp_message& message) {
  const bool is_chunk_size = message.header.type == message_type::set_chunk_size;
  if (!is_chunk_size && message.header.type != message_type::abort) return {};
  byte_reader fields(message.payload);
  const uint32_t value = fields.read_u32();
  if (fields.failed()) return violation("control message is too short");
  if (is_chunk_size) {
    if (value == 0 || value > 0x7fffffff) return violation("chunk size is out of range");
    if (value > limits.max_chunk_size) return fail(error_code::too_big, "chunk size is too big");
    chunk_size = value;
    return {};
  }
  for (chunk_stream_record& stream : streams) {
    if (stream.id != value || !stream.is_in_message) continue;
    pending_bytes -= stream.payload.size();
    stream.drop_payload(0);
    stream.is_in_message = false;
  }
  return {};
}

result<void> chunk_reader::state::process(byte_view bytes, handler& to) {
  while (!bytes.empty()) {
    result<size_t> used = now == step::header            ? read_header(bytes, to)
                          : now == step::extended_repeat ? compare_repeat(bytes, to)
                                                         : read_payload(bytes, to);
    if (!used) return tl::unexpected<error>(std::move(used.error()));
    bytes = bytes.subview(*used);
  }
  return {};
}

chunk_reader::chunk_reader(const chunk_limits& limits) : m_state(std::make_unique<state>(limits)) {}
chunk_reader::~chunk_reader() = default;

result<void> chunk_reader::feed(byte_view bytes, handler& to) {
  m_state->total += bytes.size();
  if (m_state->failure == nullptr) {
    result<void> outcome = m_state->process(bytes, to);
    if (outcome) return outcome;
    m_state->failure = std::make_unique<error>(std::move(outcome.error()));
  }
  return tl::unexpected<error>(*m_state->failure);
}

uint64_t chunk_reader::bytes_read() const noexcept {
  return m_state->total;
}

void chunk_reader::reset() {
  m_state = std::make_unique<state>(m_state->limits);
}

}  // namespace campush
