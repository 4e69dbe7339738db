#include "server/flv_recorder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "rtmp/protocol/amf0.h"

namespace campush {

namespace {

constexpr uint8_t file_header[] = {'F', 'L', 'V', 1, 0, 0, 0, 0, 9, 0, 0, 0, 0};
constexpr off_t flags_offset = 4;
constexpr uint8_t flag_video = 1, flag_audio = 4;
constexpr size_t tag_header_bytes = 11;

/// A file descriptor that closes itself.
class file_handle {
 public:
  explicit file_handle(int descriptor) noexcept : m_descriptor(descriptor) {}
  file_handle(const file_handle&) = delete;
  file_handle& operator=(const file_handle&) = delete;
  ~file_handle() { close(); }
  int get() const noexcept { return m_descriptor; }
  bool is_open() const noexcept { return m_descriptor >= 0; }
  void reset(int descriptor) noexcept {
    close();
    m_descriptor = descriptor;
  }
  void close() noexcept {
    if (m_descriptor >= 0) ::close(m_descriptor);
    m_descriptor = -1;
  }

 private:
  int m_descriptor;
};

int create_file(const std::string& path) noexcept {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
}

/// onMetaData with a duration to patch, from a data message; nothing if it is something else or broken.
std::optional<std::vector<uint8_t>> metadata_body(byte_view payload) {
  result<std::vector<amf0_value>> values = read_amf0_all(payload);
  if (!values) return std::nullopt;
  size_t at = 0;
  if (values->size() > 1 && (*values)[0].string == "@setDataFrame") ++at;
  if (values->size() != at + 2 || (*values)[at].string != "onMetaData" || !(*values)[at + 1].is_object()) {
    return std::nullopt;
  }
  amf0_value& fields = (*values)[at + 1];
  std::vector<amf0_value::property> kept = {{"duration", amf0_value::of(0.0)}};
  for (auto& each : fields.properties) {
    if (each.first != "duration" && each.first != "filesize" && each.first != "fileSize")
      kept.push_back(std::move(each));
  }
  fields = amf0_value::ecma_array(std::move(kept));
  std::vector<uint8_t> body;
  byte_writer out(body);
  write_amf0(out, (*values)[at]);
  write_amf0(out, fields);
  return body;
}

/// In a body made by metadata_body(): name, array head, then "duration" as the first property.
constexpr size_t duration_offset_in_body = 3 + 10 + 5 + 2 + 8 + 1;

std::vector<uint8_t> default_metadata() {
  std::vector<uint8_t> body;
  byte_writer out(body);
  write_amf0(out, amf0_value::of("onMetaData"));
  write_amf0(out, amf0_value::ecma_array({{"duration", amf0_value::of(0.0)}}));
  return body;
}

}  // namespace

struct flv_recorder::state {
  state(int file_descriptor, int times_descriptor) noexcept : file(file_descriptor), times(times_descriptor) {}

  result<void> append(byte_view bytes);
  result<void> write_tag(message_type type, uint32_t file_ms, byte_view body);
  result<void> write_script(byte_view body);
  result<void> write_media(const rtmp_message& message);
  void write_wire_time(const rtmp_message& message);
  uint32_t rebase(uint32_t wire_ms);

  file_handle file, times;
  uint64_t bytes = 0;
  std::optional<error> failure;
  std::vector<uint8_t> scratch;
  uint8_t flags = 0;
  std::optional<uint64_t> duration_offset;
  std::optional<uint32_t> last_wire_ms;
  int64_t file_ms = 0;
  int64_t last_file_ms = 0;
};

result<void> flv_recorder::state::append(byte_view data) {
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t written = ::write(file.get(), data.data() + done, data.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      failure = error_from_errno(written < 0 ? errno : ENOSPC, "recording");
      // What was begun is no tag: the file ends with the last whole one.
      if (::ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) failure->message += " (the file ends in half a tag)";
      return tl::unexpected<error>(*failure);
    }
    done += static_cast<size_t>(written);
  }
  bytes += data.size();
  return {};
}

result<void> flv_recorder::state::write_tag(message_type type, uint32_t time_ms, byte_view body) {
  scratch.clear();
  byte_writer out(scratch);
  out.write_u8(static_cast<uint8_t>(type));
  out.write_u24(static_cast<uint32_t>(body.size()));
  out.write_u24(time_ms & 0xffffff);
  out.write_u8(static_cast<uint8_t>(time_ms >> 24 & 0x7f));
  out.write_u24(0);
  out.write_bytes(body);
  out.write_u32(static_cast<uint32_t>(tag_header_bytes + body.size()));
  return append(scratch);
}

result<void> flv_recorder::state::write_script(byte_view body) {
  const uint64_t at = bytes + tag_header_bytes + duration_offset_in_body;
  result<void> written = write_tag(message_type::data_amf0, static_cast<uint32_t>(last_file_ms), body);
  if (written && !duration_offset) duration_offset = at;
  return written;
}

/// Time of a message in the file. Differences are taken modulo 2^32, so a wrap on the wire is a step like any other.
uint32_t flv_recorder::state::rebase(uint32_t wire_ms) {
  if (last_wire_ms) file_ms += static_cast<int32_t>(wire_ms - *last_wire_ms);
  last_wire_ms = wire_ms;
  const int64_t shown = file_ms < 0 ? 0 : file_ms;
  if (shown > last_file_ms) last_file_ms = shown;
  return static_cast<uint32_t>(shown & 0x7fffffff);
}

result<void> flv_recorder::state::write_media(const rtmp_message& message) {
  const uint8_t flag = message.header.type == message_type::video ? flag_video : flag_audio;
  if (!duration_offset) {
    if (result<void> written = write_script(default_metadata()); !written) return written;
  }
  if (result<void> written = write_tag(message.header.type, rebase(message.header.timestamp_ms), message.payload);
      !written) {
    return written;
  }
  if ((flags & flag) == 0) {
    flags |= flag;
    if (::pwrite(file.get(), &flags, 1, flags_offset) != 1) failure = error_from_errno(errno, "recording");
  }
  return {};
}

void flv_recorder::state::write_wire_time(const rtmp_message& message) {
  if (!times.is_open()) return;
  const std::string line = std::to_string(static_cast<int>(message.header.type)) + ' ' +
                           std::to_string(message.header.timestamp_ms) + ' ' + std::to_string(message.payload.size()) +
                           '\n';
  if (::write(times.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) times.close();
}

result<std::unique_ptr<flv_recorder>> flv_recorder::open(const flv_recorder_options& options) {
  auto opened = std::make_unique<state>(create_file(options.path), -1);
  if (!opened->file.is_open()) return tl::unexpected<error>(error_from_errno(errno, options.path));
  if (options.writes_wire_times) {
    const std::string times_path = options.path + ".times";
    opened->times.reset(create_file(times_path));
    if (!opened->times.is_open()) return tl::unexpected<error>(error_from_errno(errno, times_path));
  }
  if (result<void> written = opened->append(file_header); !written) return tl::unexpected<error>(written.error());
  return std::unique_ptr<flv_recorder>(new flv_recorder(std::move(opened)));
}

flv_recorder::flv_recorder(std::unique_ptr<state> opened) : m_state(std::move(opened)) {}
flv_recorder::~flv_recorder() {
  close();
}

result<void> flv_recorder::write(const rtmp_message& message) {
  if (m_state->failure) return tl::unexpected<error>(*m_state->failure);
  if (!m_state->file.is_open()) return fail(error_code::invalid_argument, "recording is closed");
  m_state->write_wire_time(message);
  switch (message.header.type) {
    case message_type::audio:
    case message_type::video: return m_state->write_media(message);
    case message_type::data_amf0:
      if (auto body = metadata_body(message.payload)) return m_state->write_script(*body);
      return {};
    default: return {};
  }
}

void flv_recorder::close() noexcept {
  if (m_state->file.is_open() && m_state->duration_offset) {
    uint8_t field[8];
    const double seconds = static_cast<double>(m_state->last_file_ms) / 1000;
    uint64_t bits = 0;
    std::memcpy(&bits, &seconds, sizeof bits);
    for (int i = 0; i < 8; ++i) field[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
    // A duration that cannot be patched stays 0, which players take as unknown.
    if (::pwrite(m_state->file.get(), field, sizeof field, static_cast<off_t>(*m_state->duration_offset)) < 0)
      errno = 0;
  }
  m_state->file.close();
  m_state->times.close();
}

uint64_t flv_recorder::file_bytes() const noexcept {
  return m_state->bytes;
}

}  // namespace campush
