#include "rtmp/protocol/amf0.h"

#include <gtest/gtest.h>

#include "fakes/wire_text.h"

namespace campush {
namespace {

std::vector<uint8_t> written(const amf0_value& value) {
  std::vector<uint8_t> bytes;
  byte_writer out(bytes);
  write_amf0(out, value);
  return bytes;
}

struct golden_case {
  const char* name;
  amf0_value value;
  const char* bytes;
};

std::vector<golden_case> golden_cases() {
  return {
      {"number", amf0_value::of(1.0), "00 3F F0 00 00 00 00 00 00"},
      {"false", amf0_value::of(false), "01 00"},
      {"true", amf0_value::of(true), "01 01"},
      {"string", amf0_value::of("connect"), "02 00 07 'connect'"},
      {"empty_string", amf0_value::of(""), "02 00 00"},
      {"null", amf0_value::null(), "05"},
      {"undefined", amf0_value{}, "06"},
      {"empty_object", amf0_value::object(), "03 00 00 09"},
      {"fourcc_list",
       amf0_value::object({{"fourCcList", amf0_value::strict_array({amf0_value::of("hvc1"), amf0_value::of("av01")})}}),
       "03 | 00 0A 66 6F 75 72 43 63 4C 69 73 74 0A 00 00 00 02 02 00 04 68 76 63 31 02 00 04 61 76 30 31 | 00 00 09"},
      {"fourcc_map", amf0_value::object({{"videoFourCcInfoMap", amf0_value::object({{"hvc1", amf0_value::of(3.0)}})}}),
       "03 | 00 12 'videoFourCcInfoMap' 03 00 04 68 76 63 31 00 40 08 00 00 00 00 00 00 00 00 09 | 00 00 09"},
      {"caps_ex", amf0_value::object({{"capsEx", amf0_value::of(1.0)}}),
       "03 00 06 'capsEx' 00 3F F0 00 00 00 00 00 00 | 00 00 09"},
      {"metadata_codec", amf0_value::ecma_array({{"videocodecid", amf0_value::of(1752589105.0)}}),
       "08 00 00 00 01 | 00 0C 76 69 64 65 6F 63 6F 64 65 63 69 64 00 41 DA 1D 98 CC 40 00 00 | 00 00 09"},
  };
}

TEST(amf0, writes_the_golden_bytes_and_reads_them_back) {
  for (const golden_case& each : golden_cases()) {
    SCOPED_TRACE(each.name);
    const std::vector<uint8_t> bytes = wire(each.bytes);
    EXPECT_EQ(written(each.value), bytes);
    const auto read = read_amf0_all(bytes);
    ASSERT_TRUE(read) << read.error().message;
    ASSERT_EQ(read->size(), 1u);
    EXPECT_EQ(written(read->front()), bytes);
  }
}

TEST(amf0, writes_set_data_frame_as_the_flv_facts_have_it) {
  EXPECT_EQ(written(amf0_value::of("@setDataFrame")), wire("02 00 0D 40 73 65 74 44 61 74 61 46 72 61 6D 65"));
}

TEST(amf0, uses_the_long_form_above_65535_bytes) {
  const std::string text(65536, 'x');
  const std::vector<uint8_t> bytes = written(amf0_value::of(text));
  EXPECT_EQ(byte_view(bytes).subview(0, 5).to_vector(), wire("0C 00 01 00 00"));
  amf0_limits limits;
  limits.max_string_bytes = 70000;
  const auto read = read_amf0_all(bytes, limits);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->front().string, text);
}

TEST(amf0, reads_a_date_and_an_unsupported_marker) {
  const auto read = read_amf0_all(wire("0B 40 59 00 00 00 00 00 00 00 00 | 0D"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at(0).type, amf0_type::date);
  EXPECT_EQ(read->at(0).number, 100.0);
  EXPECT_EQ(read->at(1).type, amf0_type::unsupported);
  EXPECT_EQ(written(read->at(0)), wire("0B 40 59 00 00 00 00 00 00 00 00"));
}

TEST(amf0, reads_an_ecma_array_whatever_its_count_says) {
  const auto read = read_amf0_all(wire("08 00 00 00 00 | 00 05 'level' 02 00 05 'error' | 00 00 09"));
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->front().is_object());
  EXPECT_EQ(read->front().text("level"), "error");
  EXPECT_EQ(read->front().text("code"), "");
  EXPECT_EQ(read->front().find("code"), nullptr);
}

TEST(amf0, keeps_an_empty_name_that_is_not_an_end) {
  const auto read = read_amf0_all(wire("03 | 00 00 05 | 00 00 09"));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->front().properties.size(), 1u);
  EXPECT_EQ(read->front().properties[0].second.type, amf0_type::null);
}

struct broken_case {
  const char* name;
  const char* bytes;
  error_code code;
};

TEST(amf0, refuses_broken_values) {
  const broken_case cases[] = {
      {"number_cut", "00 3F F0", error_code::truncated},
      {"boolean_cut", "01", error_code::truncated},
      {"string_size_cut", "02 00", error_code::truncated},
      {"string_cut", "02 00 05 'abc'", error_code::truncated},
      {"long_string_cut", "0C 00 00 00 05 'abc'", error_code::truncated},
      {"date_cut", "0B 00 00 00 00 00 00 00 00 00", error_code::truncated},
      {"object_without_end", "03 00 01 'a' 05", error_code::truncated},
      {"object_end_cut", "03 00 00", error_code::truncated},
      {"ecma_count_cut", "08 00 00", error_code::truncated},
      {"strict_array_cut", "0A 00 00 00 02 05", error_code::truncated},
      {"amf3_escape", "11 01", error_code::malformed},
      {"reference", "07 00 00", error_code::malformed},
      {"movie_clip", "04", error_code::malformed},
      {"lone_object_end", "09", error_code::malformed},
      {"typed_object", "10 00 01 'a' 00 00 09", error_code::malformed},
      {"unknown_marker", "FF", error_code::malformed},
      {"broken_after_a_good_one", "05 FF", error_code::malformed},
      {"huge_strict_array", "0A FF FF FF FF", error_code::too_big},
      {"huge_long_string", "0C FF FF FF FF", error_code::too_big},
  };
  for (const broken_case& each : cases) {
    SCOPED_TRACE(each.name);
    const auto read = read_amf0_all(wire(each.bytes));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, each.code) << read.error().message;
  }
}

amf0_value nested(uint32_t depth) {
  amf0_value value = amf0_value::object();
  for (uint32_t i = 1; i < depth; ++i) value = amf0_value::object({{"a", std::move(value)}});
  return value;
}

TEST(amf0, limits_the_depth) {
  amf0_limits limits;
  EXPECT_TRUE(read_amf0_all(written(nested(limits.max_depth)), limits));
  const auto read = read_amf0_all(written(nested(limits.max_depth + 1)), limits);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, error_code::too_big);
}

TEST(amf0, limits_the_number_of_values_of_one_message) {
  amf0_limits limits;
  limits.max_values = 10;
  EXPECT_TRUE(read_amf0_all(std::vector<uint8_t>(10, 0x05), limits));
  const auto read = read_amf0_all(std::vector<uint8_t>(11, 0x05), limits);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, error_code::too_big);
}

TEST(amf0, limits_strings_and_names) {
  amf0_limits limits;
  limits.max_string_bytes = 4;
  EXPECT_TRUE(read_amf0_all(wire("02 00 04 'abcd' 03 00 04 'abcd' 05 00 00 09"), limits));
  for (const char* bytes : {"02 00 05 'abcde'", "03 00 05 'abcde' 05 00 00 09"}) {
    const auto read = read_amf0_all(wire(bytes), limits);
    ASSERT_FALSE(read) << bytes;
    EXPECT_EQ(read.error().code, error_code::too_big);
  }
}

}  // namespace
}  // namespace campush
