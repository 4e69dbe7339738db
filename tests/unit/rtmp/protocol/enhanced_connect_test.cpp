#include "rtmp/protocol/enhanced_connect.h"

#include <gtest/gtest.h>

#include <limits>

#include "fakes/wire_text.h"

namespace campush {
namespace {

std::vector<uint8_t> bytes_of(std::vector<amf0_value::property> properties) {
  std::vector<uint8_t> bytes;
  byte_writer out(bytes);
  write_amf0(out, amf0_value::object(std::move(properties)));
  return bytes;
}

TEST(enhanced_connect, writes_the_properties_with_the_bytes_of_the_specification) {
  std::vector<amf0_value::property> properties;
  append_offer(properties, {{"hvc1", "av01"}, {}, true});
  EXPECT_EQ(bytes_of(properties),
            wire("03 | 00 0A 66 6F 75 72 43 63 4C 69 73 74 0A 00 00 00 02 02 00 04 68 76 63 31 02 00 04 61 76 30 31"
                 "00 12 'videoFourCcInfoMap' 03 00 04 'hvc1' 00 40 00 00 00 00 00 00 00"
                 "00 04 'av01' 00 40 00 00 00 00 00 00 00 00 00 09"
                 "00 06 'capsEx' 00 3F F0 00 00 00 00 00 00 | 00 00 09"));
}

TEST(enhanced_connect, names_audio_in_a_map_of_its_own) {
  std::vector<amf0_value::property> properties;
  append_offer(properties, {{}, {"Opus"}, false});
  EXPECT_EQ(bytes_of(properties),
            wire("03 | 00 0A 'fourCcList' 0A 00 00 00 01 02 00 04 'Opus'"
                 "00 12 'audioFourCcInfoMap' 03 00 04 'Opus' 00 40 00 00 00 00 00 00 00 00 00 09 | 00 00 09"));
}

TEST(enhanced_connect, adds_only_what_is_asked_for) {
  std::vector<amf0_value::property> properties;
  append_offer(properties, {});
  EXPECT_TRUE(properties.empty());
  append_offer(properties, {{}, {}, true});
  ASSERT_EQ(properties.size(), 1u);
  EXPECT_EQ(properties[0].first, "capsEx");
}

TEST(enhanced_connect, reads_back_what_a_client_offers) {
  std::vector<amf0_value::property> properties;
  append_offer(properties, {{"hvc1"}, {"Opus"}, true});
  const enhanced_offer read = read_offer(amf0_value::object(properties));
  EXPECT_EQ(read.video, std::vector<std::string>{"hvc1"});
  EXPECT_EQ(read.audio, std::vector<std::string>{"Opus"});
  EXPECT_TRUE(read.reconnect);
  const amf0_value only_list = amf0_value::object(
      {{"fourCcList",
        amf0_value::strict_array({amf0_value::of("hvc1"), amf0_value::of(1.0), amf0_value::of("av01")})}});
  EXPECT_EQ(read_offer(only_list).video, (std::vector<std::string>{"hvc1", "av01"}));
  EXPECT_FALSE(read_offer(amf0_value::object()).any());
}

amf0_value map_of(const char* name, double bits) {
  return amf0_value::object({{"videoFourCcInfoMap", amf0_value::object({{name, amf0_value::of(bits)}})}});
}

amf0_value list_of(const char* name) {
  return amf0_value::object({{"fourCcList", amf0_value::strict_array({amf0_value::of(name)})}});
}

amf0_value caps_of(double bits) {
  return amf0_value::object({{"capsEx", amf0_value::of(bits)}});
}

TEST(enhanced_connect, understands_the_answers_of_servers_in_either_object) {
  struct row {
    const char* name;
    amf0_value object;
    server_capabilities said;
  };
  amf0_value both = map_of("hvc1", 2);
  both.properties.push_back(list_of("hvc1").properties[0]);
  amf0_value wild = amf0_value::object(
      {{"videoFourCcInfoMap", amf0_value::object({{"hvc1", amf0_value::of("7")}})}, {"capsEx", amf0_value::of("1")}});
  const row rows[] = {
      {"nothing", amf0_value::object(), {}},
      {"map, decodes", map_of("hvc1", 1), {true, true, false, false}},
      {"map, forwards", map_of("hvc1", 4), {true, true, false, false}},
      {"map, only encodes", map_of("hvc1", 2), {true, false, false, false}},
      {"map, everything", map_of("*", 5), {true, true, false, false}},
      {"map, another codec", map_of("av01", 7), {true, false, false, false}},
      {"list", list_of("hvc1"), {true, true, false, false}},
      {"list, everything", list_of("*"), {true, true, false, false}},
      {"list, another codec", list_of("av01"), {true, false, false, false}},
      {"the map wins", both, {true, false, false, false}},
      {"reconnect", caps_of(1), {false, false, true, false}},
      {"reconnect among others", caps_of(15), {false, false, true, false}},
      {"no reconnect", caps_of(6), {}},
      {"not a number of bits", caps_of(std::numeric_limits<double>::quiet_NaN()), {}},
      {"huge", caps_of(1e300), {}},
      {"negative", caps_of(-1), {}},
      {"wrong types", wild, {true, false, false, false}},
      {"not a map", amf0_value::object({{"videoFourCcInfoMap", amf0_value::of(7.0)}}), {}},
  };
  for (const row& each : rows) {
    SCOPED_TRACE(each.name);
    const amf0_value name = amf0_value::of("_result"), call = amf0_value::of(1.0);
    EXPECT_EQ(read_capabilities({name, call, each.object, amf0_value::object()}), each.said);
    EXPECT_EQ(read_capabilities({name, call, amf0_value::object(), each.object}), each.said);
    EXPECT_EQ(read_capabilities({name, call, amf0_value::null(), each.object}), each.said);
  }
}

TEST(enhanced_connect, reads_what_a_server_claims) {
  for (const server_capabilities& claims : {server_capabilities{}, server_capabilities{true, true, false, false},
                                            server_capabilities{true, false, true, false}}) {
    std::vector<amf0_value::property> properties;
    append_claims(properties, claims);
    EXPECT_EQ(read_capabilities({amf0_value::object(properties)}), claims);
  }
}

amf0_value refusal(double code, const char* redirect, const char* redirect2) {
  return amf0_value::object({{"ex", amf0_value::object({{"code", amf0_value::of(code)},
                                                        {"redirect", amf0_value::of(redirect)},
                                                        {"redirect2", amf0_value::of(redirect2)}})}});
}

TEST(enhanced_connect, finds_the_tc_url_of_a_redirect) {
  struct row {
    const char* name;
    amf0_value info;
    const char* target;
  };
  const std::string with_space = "rtmp://b/li ve", too_long = "rtmp://b/" + std::string(max_server_address, 'a');
  const row rows[] = {
      {"srs", refusal(302, "rtmp://b/live", "rtmp://b/live/gate"), "rtmp://b/live"},
      {"only the whole address", refusal(302, "", "rtmp://b/live/gate?token=x"), "rtmp://b/live"},
      {"only the tcUrl", refusal(302, "rtmp://b:1936/live", ""), "rtmp://b:1936/live"},
      {"a key in the tcUrl", refusal(302, "rtmp://b/live/gate", ""), "rtmp://b/live"},
      {"another key", refusal(302, "", "rtmp://b/live/other"), "rtmp://b/live"},
      {"the whole address wins", refusal(302, "rtmp://c/old", "rtmp://b/live/gate"), "rtmp://b/live"},
      {"another code", refusal(301, "rtmp://b/live", ""), ""},
      {"no ex", amf0_value::object(), ""},
      {"ex is no object", amf0_value::object({{"ex", amf0_value::of(302.0)}}), ""},
      {"nothing in it", refusal(302, "", ""), ""},
      {"only a host", refusal(302, "", "rtmp://b"), ""},
      {"a space", refusal(302, with_space.c_str(), ""), ""},
      {"too long", refusal(302, too_long.c_str(), ""), ""},
  };
  for (const row& each : rows) EXPECT_EQ(read_redirect(each.info, "gate?token=s3cret"), each.target) << each.name;
}

TEST(enhanced_connect, makes_a_redirect_that_it_reads) {
  for (const char* key : {"", "gate", "gate?token=1"}) {
    EXPECT_EQ(read_redirect(amf0_value::object({{"ex", redirect_object("rtmp://b:19/live/x", key)}}), "gate?token=1"),
              "rtmp://b:19/live/x");
  }
}

}  // namespace
}  // namespace campush
