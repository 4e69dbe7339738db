#include "rtmp/flv_metadata.h"

#include "rtmp/protocol/amf0.h"

namespace campush {
namespace {

constexpr double codec_number_avc = 7, codec_number_hevc_legacy = 12, codec_number_aac = 10;
constexpr double codec_number_g711a = 7, codec_number_g711u = 8;
constexpr double fourcc_number_hvc1 = 0x68766331, fourcc_number_opus = 0x4f707573;
constexpr double bits_per_sample = 16;

/// 0 where the dialect has no number for the codec.
double video_codec_number(codec_id codec, video_dialect dialect) noexcept {
  if (codec == codec_id::h264) return codec_number_avc;
  if (codec != codec_id::h265 || dialect == video_dialect::legacy) return 0;
  return dialect == video_dialect::enhanced ? fourcc_number_hvc1 : codec_number_hevc_legacy;
}

double audio_codec_number(codec_id codec) noexcept {
  switch (codec) {
    case codec_id::aac: return codec_number_aac;
    case codec_id::g711a: return codec_number_g711a;
    case codec_id::g711u: return codec_number_g711u;
    case codec_id::opus: return fourcc_number_opus;
    default: return 0;
  }
}

void add_number(std::vector<amf0_value::property>& fields, const char* name, double value) {
  if (value > 0) fields.emplace_back(name, amf0_value::of(value));
}

}  // namespace

std::vector<uint8_t> make_metadata_body(const flv_metadata& facts, video_dialect dialect) {
  std::vector<amf0_value::property> fields;
  fields.emplace_back("duration", amf0_value::of(0.0));
  if (const double number = video_codec_number(facts.video_codec, dialect); number > 0) {
    add_number(fields, "width", facts.width);
    add_number(fields, "height", facts.height);
    add_number(fields, "framerate", facts.frame_rate);
    add_number(fields, "videocodecid", number);
    add_number(fields, "videodatarate", facts.video_kbps);
  }
  if (const double number = audio_codec_number(facts.audio_codec); number > 0) {
    add_number(fields, "audiocodecid", number);
    add_number(fields, "audiodatarate", facts.audio_kbps);
    add_number(fields, "audiosamplerate", facts.sample_rate);
    add_number(fields, "audiosamplesize", bits_per_sample);
    add_number(fields, "audiochannels", facts.channels);
    fields.emplace_back("stereo", amf0_value::of(facts.channels == 2));
  }
  if (!facts.encoder.empty()) fields.emplace_back("encoder", amf0_value::of(std::string_view(facts.encoder)));

  std::vector<uint8_t> body;
  byte_writer out(body);
  write_amf0(out, amf0_value::of("@setDataFrame"));
  write_amf0(out, amf0_value::of("onMetaData"));
  write_amf0(out, amf0_value::ecma_array(std::move(fields)));
  return body;
}

}  // namespace campush
