#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "codec/codec_library.h"
#include "fakes/fake_clock.h"

namespace campush {

/// Encoders that note what they are given. A video frame's payload is its codec, whether it is a keyframe, and the bitrate in use:
/// "h264 key 4000". Thread: one thread.
class fake_codec_library final : public codec_library {
 public:
  struct seen_picture {
    picture_shape shape;
    time_point captured_at{};
    std::vector<uint8_t> luma;
  };
  struct seen_block {
    std::vector<int16_t> samples;
    time_point captured_at{};
  };

  explicit fake_codec_library(fake_clock& time) : m_time(time) {}

  result<std::unique_ptr<video_encoder>> make_video_encoder(const video_encoder_options& options) override {
    video_options.push_back(options);
    if (!open_error.empty() && (failing_codec == codec_id::none || failing_codec == options.codec)) {
      return fail(error_code::unsupported, open_error);
    }
    return std::unique_ptr<video_encoder>(std::make_unique<fake_video_encoder>(*this, options));
  }
  result<std::unique_ptr<audio_encoder>> make_audio_encoder(const audio_encoder_options& options) override {
    audio_options.push_back(options);
    return std::unique_ptr<audio_encoder>(std::make_unique<fake_audio_encoder>(*this, options));
  }
  result<std::unique_ptr<picture_decoder>> make_picture_decoder() override {
    return fail(error_code::unsupported, "not faked");
  }
  bool has_encoder(codec_id codec) override {
    ++questions;
    return codec == codec_id::h264 || has_h265;
  }

  std::vector<video_encoder_options> video_options;
  std::vector<audio_encoder_options> audio_options;
  std::vector<seen_picture> pictures;
  std::vector<seen_block> blocks;
  std::string open_error, encode_error;
  codec_id failing_codec = codec_id::none;  ///< open_error is of this one alone; none: of all
  bool has_h265 = true;
  int questions = 0;                        ///< has_encoder()
  size_t most_held = 0;                     ///< frames that stay inside until more come, or drain()
  duration encode_takes{}, encode_costs{};  ///< of the clock, and of the processor

 private:
  class fake_video_encoder final : public video_encoder {
   public:
    fake_video_encoder(fake_codec_library& library, video_encoder_options options)
        : m_library(library), m_options(std::move(options)) {}
    result<void> encode(const raw_picture& picture, frame_sink& sink) override {
      if (!m_library.encode_error.empty()) return fail(error_code::io_failed, m_library.encode_error);
      m_library.pictures.push_back({picture.shape, picture.captured_at, picture.planes[0].to_vector()});
      m_library.m_time.advance(m_library.encode_takes);
      m_cpu += m_library.encode_costs;
      const std::string text = std::string(codec_name(m_options.codec)) + (m_is_key ? " key " : " ") +
                               std::to_string(m_options.bitrate_kbps);
      media_frame frame;
      frame.codec = m_options.codec;
      frame.dts = frame.pts = frame.capture_time = picture.captured_at;
      frame.is_keyframe = std::exchange(m_is_key, false);
      m_held.emplace_back(frame, text);
      give(m_library.most_held, sink);
      return {};
    }
    result<void> drain(frame_sink& sink) override {
      give(0, sink);
      return {};
    }
    void request_keyframe() noexcept override { m_is_key = true; }
    bool set_bitrate(uint32_t kbps) noexcept override {
      m_options.bitrate_kbps = kbps;
      return true;
    }
    const char* name() const noexcept override { return m_options.codec == codec_id::h264 ? "fake264" : "fake265"; }
    video_description description() const override {
      return {m_options.codec, m_options.width, m_options.height, m_options.frame_rate, m_options.bitrate_kbps};
    }
    duration cpu_time() const noexcept override { return m_cpu; }

   private:
    void give(size_t but, frame_sink& sink) {
      for (; m_held.size() > but; m_held.pop_front()) {
        auto& [frame, text] = m_held.front();
        frame.payload = byte_view::of_text(text);
        sink.on_frame(frame);
      }
    }

    fake_codec_library& m_library;
    video_encoder_options m_options;
    std::deque<std::pair<media_frame, std::string>> m_held;
    bool m_is_key = true;
    duration m_cpu{};
  };

  class fake_audio_encoder final : public audio_encoder {
   public:
    fake_audio_encoder(fake_codec_library& library, const audio_encoder_options& options)
        : m_library(library), m_options(options) {}
    result<void> encode(const sound_block& block, frame_sink& sink) override {
      const size_t count = size_t{block.frames} * m_options.channels;
      m_library.blocks.push_back({{block.samples, block.samples + count}, block.captured_at});
      media_frame frame;
      frame.codec = m_options.codec;
      frame.dts = frame.pts = frame.capture_time = block.captured_at;
      frame.payload = byte_view::of_text("sound");
      sink.on_frame(frame);
      return {};
    }
    const char* name() const noexcept override { return "fake"; }
    audio_description description() const override {
      return {m_options.codec, m_options.sample_rate, m_options.channels, m_options.bitrate_kbps, {0x11, 0x88}};
    }

   private:
    fake_codec_library& m_library;
    const audio_encoder_options m_options;
  };

  fake_clock& m_time;
};

/// Keeps the frames and descriptions that a source delivers.
class kept_frames final : public frame_sink {
 public:
  struct kept {
    media_frame frame;  ///< its payload is empty; `text` has it
    std::string text;
    std::vector<uint8_t> bytes;
  };
  void on_frame(const media_frame& frame) override {
    kept one{frame, std::string(frame.payload.as_text()), frame.payload.to_vector()};
    one.frame.payload = {};
    all.push_back(std::move(one));
  }
  void on_description(const stream_description& description) override { descriptions.push_back(description); }
  std::vector<const kept*> of(track_kind track) const {
    std::vector<const kept*> out;
    for (const kept& one : all) {
      if (one.frame.track() == track) out.push_back(&one);
    }
    return out;
  }

  std::vector<kept> all;
  std::vector<stream_description> descriptions;
};

}  // namespace campush
