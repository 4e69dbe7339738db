#include "device/clip_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "clip_fixtures.h"
#include "unit/media/nal_builder.h"

namespace campush {
namespace {

class clip_index : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::vector<uint8_t>& bytes) { return folder.write(name, bytes); }
  result<video_index> video_of(const std::string& path) {
    auto opened = file.open(path);
    if (!opened) return tl::unexpected<error>(opened.error());
    return index_video(file, is_cancelled);
  }
  result<audio_index> audio_of(const std::string& path) {
    auto opened = file.open(path);
    if (!opened) return tl::unexpected<error>(opened.error());
    return index_audio(file, is_cancelled);
  }
  std::vector<uint8_t> bytes_of(const video_unit& unit) { return file.read(unit.offset, unit.size)->to_vector(); }

  scratch_folder folder;
  clip_file file;
  std::atomic<bool> is_cancelled{false};
};

TEST_F(clip_index, finds_the_codec_by_content_when_the_name_does_not_tell) {
  EXPECT_EQ(video_of(write("clip.bin", read_bytes(clip("gate_sub.h264"))))->codec, codec_id::h264);
  EXPECT_EQ(video_of(write("clip", read_bytes(clip("yard_sub.h265"))))->codec, codec_id::h265);
  EXPECT_EQ(audio_of(write("sound", read_bytes(clip("tiny.aac"))))->description.codec, codec_id::aac);
}

TEST_F(clip_index, takes_names_in_any_case) {
  EXPECT_EQ(video_of(write("CLIP.H264", read_bytes(clip("gate_sub.h264"))))->codec, codec_id::h264);
  EXPECT_EQ(audio_of(write("SOUND.ULAW", std::vector<uint8_t>(800)))->description.codec, codec_id::g711u);
}

TEST_F(clip_index, keeps_lower_temporal_layers_that_higher_ones_may_need) {
  h265_sps_fields sps;
  sps.max_sub_layers = 2;
  constexpr uint8_t trail_n = 0, idr = 19;
  const auto picture = [&sps](uint8_t type, uint8_t layer, uint32_t count) {
    return h265_slice_fields{type, layer, 0, count}.unit(sps);
  };
  const auto index =
      video_of(write("clip.h265", annexb_of({h265_vps_unit(), sps.unit(), h265_pps_unit(), picture(idr, 0, 0),
                                             picture(trail_n, 0, 2), picture(trail_n, 1, 1)})));
  ASSERT_TRUE(index) << index.error().message;
  ASSERT_EQ(index->units.size(), 3u);
  EXPECT_FALSE(index->units[1].is_disposable) << "no picture of its own layer refers to it, but one above may";
  EXPECT_TRUE(index->units[2].is_disposable);
}

TEST_F(clip_index, drops_bytes_before_the_first_start_code) {
  std::vector<uint8_t> bytes = read_bytes(clip("gate_sub.h264"));
  const std::vector<uint8_t> junk(1000, 0xaa);
  bytes.insert(bytes.begin(), junk.begin(), junk.end());
  const auto index = video_of(write("clip.h264", bytes));
  ASSERT_TRUE(index);
  ASSERT_EQ(index->units.size(), 200u);
  EXPECT_EQ(index->units[0].offset, 1000u);
  const video_unit& last = index->units.back();
  EXPECT_EQ(last.offset + last.size, bytes.size());
  for (uint32_t i = 0; i < 200; ++i) {
    const picture_mark mark = mark_of(codec_id::h264, bytes_of(index->units[i]));
    EXPECT_TRUE(mark.is_present);
    EXPECT_EQ(mark.number, i);
  }
}

TEST_F(clip_index, starts_at_the_first_keyframe) {
  const auto whole = video_of(clip("gate_sub.h264"));
  ASSERT_TRUE(whole);
  const std::vector<uint8_t> bytes = read_bytes(clip("gate_sub.h264"));
  const auto from = bytes.begin() + whole->units[10].offset;
  const auto index = video_of(write("tail.h264", {from, bytes.end()}));
  ASSERT_TRUE(index) << index.error().message;
  ASSERT_EQ(index->units.size(), 150u);
  EXPECT_TRUE(index->units[0].is_keyframe);
  EXPECT_EQ(mark_of(codec_id::h264, bytes_of(index->units[0])).number, 50u);
}

TEST_F(clip_index, keeps_a_picture_that_the_end_of_the_file_cuts) {
  std::vector<uint8_t> bytes = read_bytes(clip("gate_sub.h264"));
  bytes.resize(bytes.size() - 100);
  EXPECT_EQ(video_of(write("cut.h264", bytes))->units.size(), 200u);
}

TEST_F(clip_index, finds_the_last_picture_wherever_the_reads_end) {
  const std::vector<uint8_t> bytes = read_bytes(clip("gate_sub.h264"));
  // Zero bytes behind a unit belong to nothing. The file is read in parts of 256 KiB.
  for (const size_t size : {size_t{256} << 10, (size_t{256} << 10) + 1, size_t{512} << 10}) {
    std::vector<uint8_t> padded = bytes;
    padded.resize(size);
    ASSERT_GT(size, bytes.size());
    const auto index = video_of(write("padded.h264", padded));
    ASSERT_TRUE(index) << index.error().message;
    EXPECT_EQ(index->units.size(), 200u) << size;
  }
}

TEST_F(clip_index, survives_every_short_beginning_of_a_clip) {
  const std::vector<uint8_t> bytes = read_bytes(clip("bframes.h265"));
  for (size_t size = 1; size < 300; ++size) {
    const auto index = video_of(write("cut.h265", {bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size)}));
    if (index) continue;
    EXPECT_EQ(index.error().code, error_code::malformed) << size;
  }
}

TEST_F(clip_index, leaves_out_a_sound_frame_that_the_end_of_the_file_cuts) {
  std::vector<uint8_t> bytes = read_bytes(clip("gate.aac"));
  bytes.resize(bytes.size() - 1);
  EXPECT_EQ(audio_of(write("cut.aac", bytes))->frame_count, 374);
}

TEST_F(clip_index, skips_a_tag_before_sound_and_garbage_within) {
  const std::vector<uint8_t> sound = read_bytes(clip("gate.aac"));
  std::vector<uint8_t> bytes(5000, 0x20);
  bytes[0] = 'I';
  bytes[1] = 'D';
  bytes[2] = '3';
  // A header by chance: nothing follows where it says.
  bytes[100] = 0xff;
  bytes[101] = 0xf1;
  bytes.insert(bytes.end(), sound.begin(), sound.end());
  bytes.insert(bytes.end(), 777, 0xff);
  bytes.insert(bytes.end(), sound.begin(), sound.end());
  const auto index = audio_of(write("tagged.aac", bytes));
  ASSERT_TRUE(index) << index.error().message;
  // The frame before the garbage has no neighbour to vouch for it.
  EXPECT_EQ(index->frame_count, 749);
  EXPECT_EQ(index->units[0].offset, 5007u);
}

TEST_F(clip_index, looks_for_sound_in_the_first_mebibyte_only) {
  const std::vector<uint8_t> sound = read_bytes(clip("tiny.aac"));
  for (const size_t junk : {size_t{1} << 20, (size_t{1} << 20) + 1}) {
    std::vector<uint8_t> bytes(junk, 0x20);
    bytes.insert(bytes.end(), sound.begin(), sound.end());
    EXPECT_EQ(audio_of(write("far.aac", bytes)).has_value(), junk <= size_t{1} << 20) << junk;
  }
}

TEST_F(clip_index, refuses_sound_whose_channels_stand_elsewhere) {
  std::vector<uint8_t> bytes = read_bytes(clip("tiny.aac"));
  for (size_t at = 0; at + 7 < bytes.size();) {
    const size_t length = size_t{bytes[at + 3] & 3u} << 11 | size_t{bytes[at + 4]} << 3 | bytes[at + 5] >> 5;
    bytes[at + 2] &= 0xfe;
    bytes[at + 3] &= 0x3f;
    at += length;
  }
  const auto index = audio_of(write("pce.aac", bytes));
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code, error_code::unsupported);
}

TEST_F(clip_index, drops_the_last_part_of_a_g711_frame) {
  EXPECT_EQ(audio_of(write("sound.alaw", std::vector<uint8_t>(500)))->frame_count, 3);
}

TEST_F(clip_index, stays_within_the_file_when_bytes_are_damaged) {
  const char* names[] = {"bframes.h264", "bframes.h265", "tiny.aac"};
  std::mt19937 random(20);
  for (int round = 0; round < 60; ++round) {
    const std::string name = names[round % 3];
    std::vector<uint8_t> bytes = read_bytes(clip(name));
    bytes.resize(std::min<size_t>(bytes.size(), 20'000));
    for (int i = 0; i < 200; ++i) bytes[random() % bytes.size()] = static_cast<uint8_t>(random());
    const std::string path = write("damaged_" + name, bytes);
    if (name == "tiny.aac") {
      const auto index = audio_of(path);
      for (int64_t i = 0; index && i < index->frame_count; ++i) {
        EXPECT_TRUE(file.read(index->unit(i).offset, index->unit(i).size));
      }
      continue;
    }
    const auto index = video_of(path);
    if (!index) continue;
    for (const video_unit& unit : index->units) EXPECT_TRUE(file.read(unit.offset, unit.size));
  }
}

TEST_F(clip_index, stops_when_it_is_cancelled) {
  is_cancelled = true;
  const auto video = video_of(clip("gate.h264"));
  ASSERT_FALSE(video);
  EXPECT_EQ(video.error().code, error_code::cancelled);
  const auto audio = audio_of(clip("gate.aac"));
  ASSERT_FALSE(audio);
  EXPECT_EQ(audio.error().code, error_code::cancelled);
}

TEST_F(clip_index, refuses_a_picture_over_eight_mebibytes) {
  std::vector<uint8_t> bytes = read_bytes(clip("gate_sub.h264"));
  bytes.resize(bytes.size() + (9u << 20), 0x55);
  const auto index = video_of(write("fat.h264", bytes));
  ASSERT_FALSE(index);
  EXPECT_EQ(index.error().code, error_code::too_big);
}

}  // namespace
}  // namespace campush
