#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <memory>

namespace campush {

/// Owners of FFmpeg's objects.
struct libav_deleter {
  void operator()(AVCodecContext* context) const noexcept { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const noexcept { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const noexcept { av_packet_free(&packet); }
  void operator()(AVAudioFifo* fifo) const noexcept { av_audio_fifo_free(fifo); }
  void operator()(SwsContext* scaler) const noexcept { sws_freeContext(scaler); }
  void operator()(uint8_t* bytes) const noexcept { av_free(bytes); }
  void operator()(SwrContext* resampler) const noexcept { swr_free(&resampler); }
};
template <class Object>
using libav_ptr = std::unique_ptr<Object, libav_deleter>;

/// FFmpeg 5.1 describes channels by AVChannelLayout; 4.4 has a count and a mask.
#define CAMPUSH_HAS_CHANNEL_LAYOUT (LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 28, 100))

}  // namespace campush
