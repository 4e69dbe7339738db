#include <cstdint>
#include <cstdlib>

#include "net/link_snapshot.h"

/// A datagram as the kernel would send it: whatever it holds, what is kept stays bounded and can be asked. The sequence number is the
/// first message's own, so that the rest of it is looked at.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const campush::byte_view bytes(data, size);
  campush::netlink_reader peek(bytes);
  const auto first = peek.next_message();
  const uint32_t sequence = first ? first->sequence : 0;

  campush::link_snapshot snapshot;
  const bool is_sound = snapshot.add(bytes, sequence).has_value();
  if (is_sound != snapshot.add(bytes, sequence).has_value()) std::abort();
  if (snapshot.paths().size() > 2 * campush::link_snapshot::max_entries) std::abort();
  const auto answer = campush::parse_route_answer(bytes, sequence);
  if (answer && *answer) static_cast<void>(snapshot.is_local((*answer)->route.source));
  return 0;
}
