#include "net/netlink_messages.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace campush {

namespace {

constexpr uint16_t attribute_type_mask = 0x3fff;  // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

constexpr size_t aligned(size_t length) noexcept {
  return (length + 3) & ~size_t{3};
}

size_t address_bytes(const endpoint& address) noexcept {
  return address.address_family == endpoint::family::ipv6 ? 16 : 4;
}

/// Puts a request together; the length in the header is right at any time.
class request_writer {
 public:
  request_writer(uint16_t type, uint16_t flags, uint32_t sequence) {
    nlmsghdr header{};
    header.nlmsg_type = type;
    header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    header.nlmsg_seq = sequence;
    append(&header, sizeof header);
  }
  void append(const void* bytes, size_t size) {
    const auto* const first = static_cast<const uint8_t*>(bytes);
    m_bytes.insert(m_bytes.end(), first, first + size);
    m_bytes.resize(aligned(m_bytes.size()));
    const auto length = static_cast<uint32_t>(m_bytes.size());
    std::memcpy(m_bytes.data(), &length, sizeof length);
  }
  void append_attribute(uint16_t type, const void* bytes, size_t size) {
    rtattr header{};
    header.rta_len = static_cast<uint16_t>(sizeof header + size);
    header.rta_type = type;
    append(&header, sizeof header);
    append(bytes, size);
  }
  std::vector<uint8_t> take() { return std::move(m_bytes); }

 private:
  std::vector<uint8_t> m_bytes;
};
static_assert(offsetof(nlmsghdr, nlmsg_len) == 0 && sizeof(nlmsghdr::nlmsg_len) == sizeof(uint32_t));

/// Why there is no way, in the kernel's numbers; IPv4 answers for routes that refuse with what they do to a connect.
error route_failure(int errno_value) {
  constexpr int no_way[] = {ENETUNREACH, EHOSTUNREACH, ENETDOWN, EACCES, EINVAL, ENODEV, ENONET, EAFNOSUPPORT};
  const bool is_no_way = std::find(std::begin(no_way), std::end(no_way), errno_value) != std::end(no_way);
  error failure = error_from_errno(errno_value, "no route");
  failure.code = is_no_way ? error_code::unreachable : error_code::unsupported;
  return failure;
}

result<route_answer> parse_error(byte_view payload) {
  int32_t code = 0;
  if (!copy_struct(payload, code) || code >= 0)
    return fail(error_code::malformed, "an empty answer to a route question");
  return tl::unexpected<error>(route_failure(netlink_errno(code)));
}

result<route_answer> parse_route(byte_view payload) {
  rtmsg fixed{};
  if (!copy_struct(payload, fixed)) return fail(error_code::malformed, "a short answer to a route question");
  if (fixed.rtm_type != RTN_UNICAST && fixed.rtm_type != RTN_LOCAL) {
    return fail(error_code::unreachable, "no route: the routing table refuses it");
  }
  route_answer answer;
  answer.is_local = fixed.rtm_type == RTN_LOCAL;
  netlink_reader attributes(payload.subview(aligned(sizeof fixed)));
  while (const auto attribute = attributes.next_attribute()) {
    if (attribute->type == RTA_OIF) answer.route.interface_index = number_of(*attribute).value_or(0);
    if (attribute->type == RTA_PREFSRC) {
      answer.route.source = address_of(*attribute, fixed.rtm_family).value_or(endpoint{});
    }
  }
  if (attributes.is_malformed()) return fail(error_code::malformed, "a broken answer to a route question");
  return answer;
}

}  // namespace

void netlink_reader::skip(size_t length) noexcept {
  m_rest = m_rest.subview(aligned(length));
}

std::optional<netlink_message> netlink_reader::next_message() noexcept {
  if (m_rest.empty()) return std::nullopt;
  nlmsghdr header{};
  const bool fits =
      copy_struct(m_rest, header) && header.nlmsg_len >= sizeof header && header.nlmsg_len <= m_rest.size();
  if (!fits) {
    m_is_malformed = true;
    m_rest = {};
    return std::nullopt;
  }
  netlink_message message;
  message.type = header.nlmsg_type;
  message.flags = header.nlmsg_flags;
  message.sequence = header.nlmsg_seq;
  message.payload = m_rest.subview(sizeof header, header.nlmsg_len - sizeof header);
  skip(header.nlmsg_len);
  return message;
}

std::optional<netlink_attribute> netlink_reader::next_attribute() noexcept {
  if (m_rest.empty()) return std::nullopt;
  rtattr header{};
  const bool fits = copy_struct(m_rest, header) && header.rta_len >= sizeof header && header.rta_len <= m_rest.size();
  if (!fits) {
    m_is_malformed = true;
    m_rest = {};
    return std::nullopt;
  }
  netlink_attribute attribute;
  attribute.type = header.rta_type & attribute_type_mask;
  attribute.payload = m_rest.subview(sizeof header, header.rta_len - sizeof header);
  skip(header.rta_len);
  return attribute;
}

std::optional<endpoint> address_of(const netlink_attribute& attribute, int family) noexcept {
  endpoint address;
  if (family == AF_INET6) address.address_family = endpoint::family::ipv6;
  const bool is_known = family == AF_INET || family == AF_INET6;
  if (!is_known || attribute.payload.size() != address_bytes(address)) return std::nullopt;
  std::copy(attribute.payload.begin(), attribute.payload.end(), address.address.begin());
  return address;
}

std::optional<uint32_t> number_of(const netlink_attribute& attribute) noexcept {
  uint32_t number = 0;
  if (!copy_struct(attribute.payload, number)) return std::nullopt;
  return number;
}

std::vector<uint8_t> make_dump_request(uint16_t type, uint32_t sequence) {
  request_writer request(type, NLM_F_DUMP, sequence);
  // The longest of the three fixed parts: kernels take the family from the first byte and, unless asked for strict checks, no more.
  ifinfomsg fixed{};
  fixed.ifi_family = AF_UNSPEC;
  request.append(&fixed, sizeof fixed);
  return request.take();
}

std::vector<uint8_t> make_route_request(const endpoint& peer, uint32_t sequence) {
  request_writer request(RTM_GETROUTE, 0, sequence);
  const size_t size = address_bytes(peer);
  rtmsg fixed{};
  fixed.rtm_family = peer.address_family == endpoint::family::ipv6 ? AF_INET6 : AF_INET;
  fixed.rtm_dst_len = static_cast<uint8_t>(8 * size);
  request.append(&fixed, sizeof fixed);
  request.append_attribute(RTA_DST, peer.address.data(), size);
  if (peer.scope_id != 0) request.append_attribute(RTA_OIF, &peer.scope_id, sizeof peer.scope_id);
  return request.take();
}

std::optional<result<route_answer>> parse_route_answer(byte_view datagram, uint32_t sequence) {
  netlink_reader messages(datagram);
  while (const auto message = messages.next_message()) {
    if (message->sequence != sequence) continue;
    if (message->type == NLMSG_ERROR) return parse_error(message->payload);
    if (message->type == RTM_NEWROUTE) return parse_route(message->payload);
  }
  if (messages.is_malformed()) return fail(error_code::malformed, "a broken netlink message");
  return std::nullopt;
}

}  // namespace campush
