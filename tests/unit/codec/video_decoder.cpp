#include "video_decoder.h"

namespace campush {

video_decoder::video_decoder(codec_id codec) {
  const AVCodec* const found = avcodec_find_decoder(codec == codec_id::h264 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC);
  m_context.reset(avcodec_alloc_context3(found));
  m_context->thread_count = 1;
  m_context->flags |= AV_CODEC_FLAG_LOW_DELAY;
  if (avcodec_open2(m_context.get(), found, nullptr) < 0) ++m_failures;
}

std::vector<video_decoder::decoded> video_decoder::decode(byte_view unit) {
  std::vector<uint8_t> padded = unit.to_vector();
  padded.resize(unit.size() + AV_INPUT_BUFFER_PADDING_SIZE, 0);
  const libav_ptr<AVPacket> packet(av_packet_alloc());
  packet->data = padded.data();
  packet->size = static_cast<int>(unit.size());
  if (avcodec_send_packet(m_context.get(), packet.get()) < 0) ++m_failures;
  return receive();
}

std::vector<video_decoder::decoded> video_decoder::finish() {
  avcodec_send_packet(m_context.get(), nullptr);
  return receive();
}

std::vector<video_decoder::decoded> video_decoder::receive() {
  std::vector<decoded> out;
  const libav_ptr<AVFrame> frame(av_frame_alloc());
  while (avcodec_receive_frame(m_context.get(), frame.get()) >= 0) {
    decoded one;
    one.width = static_cast<uint32_t>(frame->width);
    one.height = static_cast<uint32_t>(frame->height);
    for (int y = 0; y < frame->height; ++y) {
      const uint8_t* const row = frame->data[0] + ptrdiff_t{y} * frame->linesize[0];
      one.luma.insert(one.luma.end(), row, row + frame->width);
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace campush

/// libx265 3.5 loses 1.2 KB with each encoder that it opens and closes.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libx265";
}
