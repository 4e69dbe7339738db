#include "server/flv_recorder.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "fakes/wire_text.h"
#include "rtmp/protocol/amf0.h"

namespace campush {
namespace {

std::vector<uint8_t> contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {(std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>()};
}

std::vector<uint8_t> metadata_message() {
  std::vector<uint8_t> bytes;
  byte_writer out(bytes);
  write_amf0(out, amf0_value::of("@setDataFrame"));
  write_amf0(out, amf0_value::of("onMetaData"));
  write_amf0(out, amf0_value::ecma_array({{"width", amf0_value::of(640.0)}, {"duration", amf0_value::of(7.0)}}));
  return bytes;
}

struct file_tag {
  int type;
  uint32_t timestamp_ms;
  std::vector<uint8_t> body;
};

/// Reads a whole file strictly: every length, every back pointer.
struct parsed_file {
  uint8_t flags = 0;
  std::vector<file_tag> tags;

  explicit parsed_file(const std::vector<uint8_t>& bytes) {
    byte_reader in(bytes);
    EXPECT_EQ(in.read_bytes(4).to_vector(), wire("'FLV' 01"));
    flags = in.read_u8();
    EXPECT_EQ(in.read_u32(), 9u);
    EXPECT_EQ(in.read_u32(), 0u);
    while (in.remaining() > 0) {
      file_tag tag;
      tag.type = in.read_u8();
      const uint32_t size = in.read_u24();
      tag.timestamp_ms = in.read_u24();
      tag.timestamp_ms |= uint32_t{in.read_u8()} << 24;
      EXPECT_EQ(in.read_u24(), 0u);
      tag.body = in.read_bytes(size).to_vector();
      EXPECT_EQ(in.read_u32(), 11 + size);
      tags.push_back(tag);
    }
    EXPECT_FALSE(in.failed());
  }
  double duration() const {
    const auto values = read_amf0_all(tags.at(0).body);
    const amf0_value* found = values->at(1).find("duration");
    return found == nullptr ? -1 : found->number;
  }
};

class flv_recorder_files : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "campush_flv_XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    m_folder = pattern;
    m_options.path = m_folder + "/out.flv";
    m_options.writes_wire_times = true;
  }
  void TearDown() override { std::filesystem::remove_all(m_folder); }

  std::unique_ptr<flv_recorder> open() {
    auto opened = flv_recorder::open(m_options);
    EXPECT_TRUE(opened) << opened.error().message;
    return std::move(*opened);
  }
  static void write(flv_recorder& recorder, message_type type, uint32_t timestamp_ms,
                    const std::vector<uint8_t>& body) {
    ASSERT_TRUE(recorder.write({{type, 4, timestamp_ms, 1}, body}));
  }
  parsed_file parsed() const { return parsed_file(contents(m_options.path)); }

  std::string m_folder;
  flv_recorder_options m_options;
};

const std::vector<uint8_t> video_bytes = wire("17 01 000000 00000001 65");
const std::vector<uint8_t> audio_bytes = wire("AF 01 21");

TEST_F(flv_recorder_files, writes_header_script_and_tags) {
  const auto recorder = open();
  write(*recorder, message_type::data_amf0, 0, metadata_message());
  write(*recorder, message_type::video, 1000, video_bytes);
  write(*recorder, message_type::audio, 1020, audio_bytes);
  write(*recorder, message_type::video, 3500, video_bytes);
  recorder->close();
  const parsed_file file = parsed();
  EXPECT_EQ(file.flags, 5);
  ASSERT_EQ(file.tags.size(), 4u);
  EXPECT_EQ(file.tags[0].type, 18);
  EXPECT_EQ(byte_view(file.tags[0].body).subview(0, 13).to_vector(), wire("02 000A 'onMetaData'"));
  EXPECT_EQ(file.tags[1].timestamp_ms, 0u);
  EXPECT_EQ(file.tags[1].body, video_bytes);
  EXPECT_EQ(file.tags[2].type, 8);
  EXPECT_EQ(file.tags[2].timestamp_ms, 20u);
  EXPECT_EQ(file.tags[3].timestamp_ms, 2500u);
  EXPECT_DOUBLE_EQ(file.duration(), 2.5);
  EXPECT_EQ(read_amf0_all(file.tags[0].body)->at(1).find("width")->number, 640.0);
}

TEST_F(flv_recorder_files, is_whole_at_any_moment) {
  const auto recorder = open();
  for (int i = 0; i < 3; ++i) {
    write(*recorder, message_type::video, 40 * i, video_bytes);
    EXPECT_EQ(parsed().tags.size(), 2u + i);
  }
  EXPECT_EQ(parsed().duration(), 0.0);
}

TEST_F(flv_recorder_files, tells_the_truth_about_its_tracks) {
  {
    const auto recorder = open();
    write(*recorder, message_type::audio, 0, audio_bytes);
  }
  EXPECT_EQ(parsed().flags, 4);
  {
    const auto recorder = open();
    write(*recorder, message_type::video, 0, video_bytes);
  }
  EXPECT_EQ(parsed().flags, 1);
}

TEST_F(flv_recorder_files, keeps_time_across_the_wrap_of_the_wire) {
  const auto recorder = open();
  const uint32_t start = 0xffffffff - 39;
  for (uint32_t i = 0; i < 4; ++i) write(*recorder, message_type::video, start + 40 * i, video_bytes);
  recorder->close();
  const parsed_file file = parsed();
  for (uint32_t i = 0; i < 4; ++i) EXPECT_EQ(file.tags[1 + i].timestamp_ms, 40 * i);
  EXPECT_DOUBLE_EQ(file.duration(), 0.12);
  EXPECT_EQ(byte_view(contents(m_options.path + ".times")).as_text(), "9 4294967256 10\n9 0 10\n9 40 10\n9 80 10\n");
}

TEST_F(flv_recorder_files, starts_at_zero_when_a_track_begins_a_little_earlier) {
  const auto recorder = open();
  write(*recorder, message_type::video, 100, video_bytes);
  write(*recorder, message_type::audio, 90, audio_bytes);
  write(*recorder, message_type::audio, 111, audio_bytes);
  EXPECT_EQ(parsed().tags[2].timestamp_ms, 0u);
  EXPECT_EQ(parsed().tags[3].timestamp_ms, 11u);
}

TEST_F(flv_recorder_files, ignores_data_that_is_no_metadata) {
  const auto recorder = open();
  write(*recorder, message_type::data_amf0, 0, wire("02 0003 'abc' 05"));
  write(*recorder, message_type::data_amf0, 0, wire("FF"));
  write(*recorder, message_type::data_amf3, 0, wire("00"));
  EXPECT_TRUE(parsed().tags.empty());
}

TEST_F(flv_recorder_files, says_why_it_cannot_be_opened) {
  m_options.path = m_folder + "/missing/out.flv";
  const auto opened = flv_recorder::open(m_options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::not_found);
}

TEST_F(flv_recorder_files, reports_a_full_disk_and_repeats_it) {
  m_options = {"/dev/full", false};
  const auto opened = flv_recorder::open(m_options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, error_code::io_failed);
}

}  // namespace
}  // namespace campush
