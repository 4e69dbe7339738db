#include "rtmp/stream_url.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "rtmp/protocol/enhanced_connect.h"

namespace campush {

namespace {

constexpr size_t longest_url = 2048;
constexpr size_t longest_host = 253;
constexpr size_t longest_shown_key = 16;
constexpr const char* hidden = "***";

struct scheme_row {
  url_scheme scheme;
  uint16_t default_port;
};
constexpr scheme_row schemes[] = {
    {url_scheme::rtmp, 1935},  {url_scheme::rtmps, 443}, {url_scheme::rtmpt, 80},
    {url_scheme::rtmpe, 1935}, {url_scheme::rtmpte, 80}, {url_scheme::rtmpts, 443},
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return lower(c) >= 'a' && lower(c) <= 'z';
}

/// Space, control bytes and DEL. They end commands, logs and headers of other programs on the way.
bool is_unprintable(char c) {
  return static_cast<uint8_t>(c) <= 0x20 || c == 0x7f;
}

/// Names as resolvers take them, and UTF-8 ones, which are the resolver's business.
bool is_host_byte(char c) {
  return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || static_cast<uint8_t>(c) >= 0x80;
}

bool is_zone_byte(char c) {
  return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
}

bool is_key_byte(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}

template <class Test>
bool is_all(std::string_view text, Test test) {
  return std::all_of(text.begin(), text.end(), test);
}

bool is_ipv6_literal(std::string_view text) {
  const size_t percent = text.find('%');
  if (percent != std::string_view::npos) {
    const std::string_view zone = text.substr(percent + 1);
    if (zone.empty() || !is_all(zone, is_zone_byte)) return false;
    text = text.substr(0, percent);
  }
  in6_addr address;
  return ::inet_pton(AF_INET6, std::string(text).c_str(), &address) == 1;
}

const scheme_row* find_scheme(std::string_view typed) {
  for (const scheme_row& row : schemes) {
    const std::string_view name = scheme_name(row.scheme);
    if (std::equal(name.begin(), name.end(), typed.begin(), typed.end(),
                   [](char a, char b) { return a == lower(b); })) {
      return &row;
    }
  }
  return nullptr;
}

/// The app and key of a path with a query before the key: "app?vhost=x/key[?query]". Where the key begins, or npos.
size_t key_after_query(std::string_view path, size_t query) {
  const size_t own_query = path.find('?', query + 1);
  const size_t slash = path.substr(0, own_query).rfind('/');
  return slash != std::string_view::npos && slash > query ? slash + 1 : std::string_view::npos;
}

/// Whether `text` names `value`, in whatever case: a host may come back in another one. Short values occur by chance, so they count as
/// whole words only.
bool names(std::string_view text, std::string_view value) {
  if (value.empty()) return false;
  constexpr size_t longest_word = 3;
  const auto is_same = [](char a, char b) { return lower(a) == lower(b); };
  const auto is_edge = [](char c) { return !is_key_byte(c); };
  for (auto at = text.begin();; ++at) {
    at = std::search(at, text.end(), value.begin(), value.end(), is_same);
    if (at == text.end()) return false;
    const auto end = at + static_cast<std::ptrdiff_t>(value.size());
    const bool is_word = (at == text.begin() || is_edge(at[-1])) && (end == text.end() || is_edge(*end));
    if (is_word || value.size() > longest_word) return true;
  }
}

std::string_view without_trailing_slashes(std::string_view text) {
  while (!text.empty() && text.back() == '/') text.remove_suffix(1);
  return text;
}

/// "text" or "text?***": a query is never shown.
std::string without_query(std::string_view text) {
  const size_t query = text.find('?');
  std::string shown(text.substr(0, query));
  if (query != std::string_view::npos) shown.append("?").append(hidden);
  return shown;
}

std::string masked_key(std::string_view key, bool is_secret) {
  const size_t query = key.find('?');
  const std::string_view name = key.substr(0, query);
  const bool is_plain = !name.empty() && name.size() <= longest_shown_key && is_all(name, is_key_byte);
  if (is_plain && !is_secret) return without_query(key);
  // Two of three characters would be most of the key; half a UTF-8 character would not be text.
  const bool has_beginning =
      name.size() >= 4 && is_all(name.substr(0, 2), [](char c) { return static_cast<uint8_t>(c) < 0x80; });
  std::string shown(has_beginning ? name.substr(0, 2) : std::string_view());
  shown += hidden;
  if (query != std::string_view::npos) shown.append("?").append(hidden);
  return shown;
}

constexpr const char* ask_for_scheme = "must begin with rtmp://, rtmps://, rtmpt://, rtmpe://, rtmpte:// or rtmpts://";
constexpr const char* ask_for_host = "host is missing, expected scheme://host/app/key";
constexpr const char* ask_for_brackets = "host has more than one colon, an IPv6 address stands in brackets: [::1]";
constexpr const char* ask_for_ipv6 = "bad IPv6 address in brackets";
constexpr const char* ask_for_host_bytes = "host may hold letters, digits, '.', '-' and '_', at most 253";
constexpr const char* ask_for_port = "bad port, allowed are 1 to 65535";
constexpr const char* ask_for_user = "user name before '@' is empty";
constexpr const char* ask_for_app = "application name is missing, expected scheme://host/app/key";
constexpr const char* ask_for_key = "stream key is missing, expected scheme://host/app/key";

const char* parse_port(std::string_view text, uint16_t& port) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_number = failure == std::errc() && end == text.data() + text.size();
  return is_number && port != 0 ? nullptr : ask_for_port;
}

}  // namespace

result<stream_url> stream_url::parse(std::string_view url) {
  return parse_all(url, nullptr);
}

result<stream_url> stream_url::parse(std::string_view url, std::string_view stream_key) {
  return parse_all(url, &stream_key);
}

result<stream_url> stream_url::parse_all(std::string_view url, const std::string_view* stream_key) {
  const auto refuse = [](std::string text) { return fail(error_code::invalid_argument, "URL: " + std::move(text)); };
  const std::string_view apart = stream_key ? *stream_key : std::string_view();
  if (url.size() + apart.size() > longest_url) return refuse("over " + std::to_string(longest_url) + " bytes");
  const auto bad = std::find_if(url.begin(), url.end(), is_unprintable);
  if (bad != url.end()) {
    return refuse("space or control byte at column " + std::to_string(bad - url.begin() + 1));
  }
  if (!std::none_of(apart.begin(), apart.end(), is_unprintable))
    return refuse("space or control byte in the stream key");

  const size_t scheme_end = url.find("://");
  const scheme_row* row = scheme_end == std::string_view::npos ? nullptr : find_scheme(url.substr(0, scheme_end));
  if (row == nullptr) return refuse(ask_for_scheme);
  stream_url parsed;
  parsed.m_scheme = row->scheme;
  parsed.m_port = row->default_port;

  const std::string_view rest = url.substr(scheme_end + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view path = rest.substr(std::min(slash + 1, rest.size()));
  if (const char* problem = parsed.parse_authority(rest.substr(0, slash))) return refuse(problem);
  if (stream_key == nullptr) {
    if (const char* problem = parsed.split_path(path)) return refuse(problem);
  } else {
    if (const char* problem = parsed.take_app(without_trailing_slashes(path))) return refuse(problem);
    if (apart.empty()) return refuse(ask_for_key);
    parsed.m_key = secret_text(std::string(apart));
  }
  parsed.make_tc_url(url.substr(0, scheme_end));
  return parsed;
}

const char* stream_url::parse_authority(std::string_view authority) {
  // The last '@': passwords hold such signs, hosts do not.
  const size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return parse_host_and_port(authority);
  const std::string_view login = authority.substr(0, at);
  const size_t colon = login.find(':');
  m_has_user = true;
  m_has_password = colon != std::string_view::npos;
  m_user = login.substr(0, colon);
  if (m_has_password) m_password = secret_text(std::string(login.substr(colon + 1)));
  if (m_user.empty()) return ask_for_user;
  return parse_host_and_port(authority.substr(at + 1));
}

const char* stream_url::parse_host_and_port(std::string_view text) {
  m_is_ipv6 = !text.empty() && text.front() == '[';
  size_t end = text.find(':');
  if (m_is_ipv6) {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return ask_for_ipv6;
    m_host = text.substr(1, bracket - 1);
    if (!is_ipv6_literal(m_host)) return ask_for_ipv6;
    end = bracket + 1;
    if (end < text.size() && text[end] != ':') return ask_for_port;
  } else {
    m_host = text.substr(0, end);
    if (m_host.empty()) return ask_for_host;
    if (end != std::string_view::npos && text.find(':', end + 1) != std::string_view::npos) return ask_for_brackets;
    if (m_host.size() > longest_host || !is_all(m_host, is_host_byte)) return ask_for_host_bytes;
  }
  if (end >= text.size()) return nullptr;
  m_port_text = text.substr(end + 1);
  return parse_port(m_port_text, m_port);
}

const char* stream_url::take_app(std::string_view path) {
  if (path.empty() || path.front() == '/' || path.front() == '?') return ask_for_app;
  m_app = path;
  return nullptr;
}

const char* stream_url::split_path(std::string_view path) {
  const size_t query = path.find('?');
  const size_t slash = path.substr(0, query).rfind('/');
  size_t key_begin = slash == std::string_view::npos ? slash : slash + 1;
  if (key_begin == std::string_view::npos && query != std::string_view::npos) key_begin = key_after_query(path, query);
  const bool has_key = key_begin != std::string_view::npos;
  if (const char* problem = take_app(has_key ? path.substr(0, key_begin - 1) : path)) return problem;
  if (!has_key || key_begin == path.size() || path[key_begin] == '?') return ask_for_key;
  m_key = secret_text(std::string(path.substr(key_begin)));
  return nullptr;
}

std::string stream_url::authority() const {
  std::string text = m_is_ipv6 ? "[" + m_host + "]" : m_host;
  if (!m_port_text.empty()) text.append(":").append(m_port_text);
  return text;
}

void stream_url::make_tc_url(std::string_view scheme_as_typed) {
  m_tc_url.assign(scheme_as_typed).append("://").append(authority()).append("/").append(m_app);
}

/// A reference against tc_url(): RFC 3986 5.2 without dot segments, which no server sends.
std::string stream_url::resolve(std::string_view reference) const {
  if (reference.find("://") < reference.find_first_of("/?")) return std::string(reference);
  const std::string scheme = scheme_name(m_scheme);
  if (reference.substr(0, 2) == "//") return scheme + ":" + std::string(reference);
  std::string text = scheme + "://" + authority();
  if (reference.front() == '/') return text.append(reference);
  std::string_view path = std::string_view(m_app).substr(0, m_app.find('?'));
  if (reference.front() != '?') path = path.substr(0, path.rfind('/') + 1);
  return text.append("/").append(path).append(reference);
}

/// A server may name the key behind its app, where it does not belong: apps are shown and remembered.
result<stream_url> stream_url::parse_redirect(std::string_view tc_url) const {
  const std::string address = resolve(tc_url);
  auto target = parse(address, m_key.reveal());
  if (!target || target->m_app == m_app) return target;
  const std::string_view path = std::string_view(address).substr(0, address.find('?'));
  auto shorter = parse(without_key(without_trailing_slashes(path), m_key.reveal()), m_key.reveal());
  return shorter ? shorter : target;
}

/// What the server says anew may repeat what it must not show.
void stream_url::mark_repeated_secrets(const stream_url& before) {
  const std::string& key = before.m_key.reveal();
  const std::string_view secrets[] = {std::string_view(key).substr(0, key.find('?')), before.m_user,
                                      before.m_password.reveal()};
  for (const std::string_view each : secrets) {
    m_is_host_secret = m_is_host_secret || (m_host != before.m_host && names(authority(), each));
    m_is_app_secret = m_is_app_secret || (m_app != before.m_app && names(m_app, each));
  }
}

result<stream_url> stream_url::redirected(std::string_view tc_url) const {
  if (tc_url.empty()) return *this;
  auto target = parse_redirect(tc_url);
  if (!target) return tl::unexpected<error>(wrap(std::move(target.error()), "redirect"));
  if (target->m_scheme != m_scheme) {
    return fail(error_code::access_denied, std::string("redirect: from ") + scheme_name(m_scheme) + " to " +
                                               scheme_name(target->m_scheme) + ", only the same scheme is followed");
  }
  if (target->m_has_user) return fail(error_code::invalid_argument, "redirect: the address holds a user name");
  const bool is_same_host =
      target->m_port == m_port && std::equal(m_host.begin(), m_host.end(), target->m_host.begin(), target->m_host.end(),
                                             [](char a, char b) { return lower(a) == lower(b); });
  target->m_is_key_secret = m_is_key_secret;
  target->m_is_app_secret = m_is_app_secret;
  target->m_is_from_server = true;
  target->mark_repeated_secrets(*this);
  if (!is_same_host) return target;
  target->m_is_host_secret = m_is_host_secret;
  target->m_user = m_user;
  target->m_password = m_password;
  target->m_has_user = m_has_user;
  target->m_has_password = m_has_password;
  return target;
}

secret_text stream_url::full() const {
  const size_t scheme_end = m_tc_url.find("://");
  std::string text = scheme_end == std::string::npos ? std::string() : m_tc_url.substr(0, scheme_end + 3);
  if (m_has_user) text += m_user;
  if (m_has_password) text.append(":").append(m_password.reveal());
  if (m_has_user) text += "@";
  text.append(authority()).append("/").append(m_app).append("/").append(m_key.reveal());
  return secret_text(std::move(text));
}

std::string stream_url::masked() const {
  std::string text = scheme_name(m_scheme);
  text += "://";
  if (m_has_user) text.append(hidden).append("@");
  text.append(m_is_host_secret ? hidden : authority()).append("/");
  text.append(m_is_app_secret ? hidden : without_query(m_app)).append("/");
  return text + masked_key(m_key.reveal(), m_is_key_secret);
}

void stream_url::mark_secrets(const std::vector<std::string>& values) {
  for (const std::string& value : values) {
    m_is_key_secret = true;
    // One value may span several parts: a file can hold "live/key".
    for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
      end = value.find_first_of("/@:", begin);
      const std::string piece = value.substr(begin, end - begin);
      if (piece.empty()) continue;
      m_is_host_secret = m_is_host_secret || authority().find(piece) != std::string::npos;
      m_is_app_secret = m_is_app_secret || m_app.find(piece) != std::string::npos;
    }
  }
}

}  // namespace campush
