#include "rtmp/protocol/http_tunnel.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace campush {

namespace {

constexpr uint8_t nothing[] = {0};
constexpr std::string_view end_of_head = "\r\n\r\n";

bool is_same_word(std::string_view left, std::string_view right) noexcept {
  const auto lower = [](char each) { return each >= 'A' && each <= 'Z' ? static_cast<char>(each + 32) : each; };
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), [lower](char a, char b) { return lower(a) == lower(b); });
}

std::string_view trimmed(std::string_view text) noexcept {
  const auto is_blank = [](char each) { return each == ' ' || each == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// The value of a header that stands once in `head`; empty if it does not.
std::string_view header_value(std::string_view head, std::string_view name) noexcept {
  while (!head.empty()) {
    const size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && is_same_word(line.substr(0, colon), name)) {
      return trimmed(line.substr(colon + 1));
    }
  }
  return {};
}

bool read_number(std::string_view text, size_t& value) noexcept {
  const std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

/// 1xx has no body, and the answer itself is still to come (RFC 9110, 15.2); 101 changes the protocol instead.
bool is_interim(size_t status) noexcept {
  return status / 100 == 1 && status != 101;
}

bool is_id_character(char each) noexcept {
  return each > ' ' && each <= '~' && each != '/' && each != '?' && each != '#';
}

}  // namespace

void http_tunnel::post(const char* verb, byte_view body) {
  const std::string target = is_open() ? '/' + m_id + '/' + std::to_string(m_sequence++) : std::string("/1");
  const std::string head = std::string("POST /") + verb + target + " HTTP/1.1\r\nHost: " + m_authority +
                           "\r\nUser-Agent: Shockwave Flash\r\nAccept: */*\r\nConnection: Keep-Alive\r\n"
                           "Cache-Control: no-cache\r\nContent-Type: application/x-fcs\r\nContent-Length: " +
                           std::to_string(body.size()) + "\r\n\r\n";
  m_output.assign(head.begin(), head.end());
  m_output.insert(m_output.end(), body.begin(), body.end());
  m_consumed = 0;
  m_interim_answers = 0;
  m_awaited = awaited::data;
}

void http_tunnel::start() {
  post("open", nothing);
  m_body_in_output = 0;
  m_awaited = awaited::open;
}

void http_tunnel::send(byte_view bytes) {
  m_waiting.insert(m_waiting.end(), bytes.begin(), bytes.end());
  send_waiting();
}

void http_tunnel::send_waiting() {
  if (!is_open() || m_is_closed || m_awaited != awaited::nothing || m_waiting.empty()) return;
  const size_t size = std::min(m_waiting.size(), max_request_body);
  post("send", {m_waiting.data(), size});
  m_body_in_output = size;
  m_waiting.erase(m_waiting.begin(), m_waiting.begin() + static_cast<std::ptrdiff_t>(size));
}

size_t http_tunnel::waiting_bytes() const noexcept {
  return m_waiting.size() + std::min(m_body_in_output, m_output.size() - m_consumed);
}

bool http_tunnel::is_idle() const noexcept {
  return is_open() && !m_is_closed && m_awaited == awaited::nothing && m_waiting.empty();
}

void http_tunnel::poll() {
  if (!is_idle()) return;
  post("idle", nothing);
  m_body_in_output = 0;
}

void http_tunnel::close() {
  // In the middle of a request it could not be told from its body.
  if (is_idle()) post("close", nothing);
  m_is_closed = true;
}

void http_tunnel::consume_output(size_t bytes) noexcept {
  m_consumed = std::min(m_consumed + bytes, m_output.size());
}

result<void> http_tunnel::receive(byte_view bytes, std::vector<uint8_t>& payload) {
  while (!bytes.empty()) {
    if (m_awaited == awaited::nothing)
      return fail(error_code::protocol_violation, "an HTTP answer that nobody asked for");
    if (m_is_in_body) {
      if (result<void> read = read_body(bytes, payload); !read) return read;
      continue;
    }
    // Byte by byte: behind the head begins what may be anything.
    m_head.push_back(static_cast<char>(bytes[0]));
    bytes = bytes.subview(1);
    if (m_head.size() > max_head_bytes) return fail(error_code::too_big, "HTTP headers are too long");
    const bool is_whole = m_head.size() >= end_of_head.size() &&
                          std::string_view(m_head).substr(m_head.size() - end_of_head.size()) == end_of_head;
    if (!is_whole) continue;
    if (result<void> read = read_head(); !read) return read;
  }
  return {};
}

result<void> http_tunnel::read_head() {
  const std::string_view head = m_head;
  const bool is_http = head.substr(0, 7) == "HTTP/1." && head.size() > 12 && head[8] == ' ';
  if (!is_http) return fail(error_code::protocol_violation, "the answer is not HTTP");
  size_t status = 0;
  if (!read_number(head.substr(9, 3), status)) return fail(error_code::protocol_violation, "the answer is not HTTP");
  if (is_interim(status)) {
    if (++m_interim_answers > max_interim_answers) {
      return fail(error_code::protocol_violation, "the web server never comes to its answer");
    }
    m_head.clear();
    return {};
  }
  if (status != 200) return fail(error_code::access_denied, "the web server answers " + std::to_string(status));
  size_t length = 0;
  if (!read_number(header_value(head, "content-length"), length)) {
    return fail(error_code::protocol_violation, "an HTTP answer without Content-Length");
  }
  if (length > max_answer_body) return fail(error_code::too_big, "an HTTP answer is too long");
  m_head.clear();
  m_is_in_body = true;
  m_has_interval = false;
  m_body_left = length;
  return length == 0 ? finish_answer() : result<void>{};
}

result<void> http_tunnel::read_body(byte_view& bytes, std::vector<uint8_t>& payload) {
  const byte_view part = bytes.subview(0, m_body_left);
  bytes = bytes.subview(part.size());
  m_body_left -= part.size();
  if (m_awaited == awaited::open) {
    if (m_new_id.size() + part.size() > max_id_bytes) return fail(error_code::too_big, "the tunnel's name is too long");
    m_new_id += part.as_text();
  } else {
    const byte_view said = part.subview(m_has_interval ? 0 : 1);
    m_has_interval = true;
    payload.insert(payload.end(), said.begin(), said.end());
  }
  return m_body_left == 0 ? finish_answer() : result<void>{};
}

result<void> http_tunnel::finish_answer() {
  m_is_in_body = false;
  if (m_awaited == awaited::open) {
    while (!m_new_id.empty() && (m_new_id.back() == '\n' || m_new_id.back() == '\r')) m_new_id.pop_back();
    if (m_new_id.empty() || !std::all_of(m_new_id.begin(), m_new_id.end(), is_id_character)) {
      return fail(error_code::protocol_violation, "the tunnel got no name");
    }
    m_id = std::move(m_new_id);
  }
  // An answer before the request was whole: the rest of it must not look like the next one.
  if (!pending_output().empty())
    return fail(error_code::protocol_violation, "an HTTP answer before the request was sent");
  m_awaited = awaited::nothing;
  send_waiting();
  return {};
}

}  // namespace campush
