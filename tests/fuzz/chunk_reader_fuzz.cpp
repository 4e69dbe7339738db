#include <cstdlib>

#include "rtmp/protocol/chunk_reader.h"

namespace {

/// Sums up what arrives, so that two ways of feeding can be compared.
class summing_handler final : public campush::chunk_reader::handler {
 public:
  campush::result<void> on_message(const campush::rtmp_message& message) override {
    add(static_cast<uint64_t>(message.header.type));
    add(message.header.chunk_stream_id);
    add(message.header.timestamp_ms);
    add(message.header.message_stream_id);
    for (const uint8_t each : message.payload) add(each);
    return {};
  }
  uint64_t sum = 0;

 private:
  void add(uint64_t value) { sum = (sum ^ value) * 1099511628211ULL; }
};

}  // namespace

/// The first byte chooses the cut; fed whole and fed in pieces must give the same messages and the same end.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace campush;
  if (size == 0) return 0;
  chunk_limits limits;
  limits.accepts_first_type1 = (data[0] & 0x80) != 0;
  const size_t piece = 1 + (data[0] & 0x7f);
  const byte_view bytes(data + 1, size - 1);

  chunk_reader whole(limits), pieces(limits);
  summing_handler whole_sum, pieces_sum;
  const result<void> outcome = whole.feed(bytes, whole_sum);
  result<void> last;
  for (size_t at = 0; at < bytes.size() && last; at += piece) {
    last = pieces.feed(bytes.subview(at, piece).to_vector(), pieces_sum);
  }
  if (outcome.has_value() != last.has_value() || whole_sum.sum != pieces_sum.sum) std::abort();
  if (!outcome && outcome.error().code != last.error().code) std::abort();
  return 0;
}
