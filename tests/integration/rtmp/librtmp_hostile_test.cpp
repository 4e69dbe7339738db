#include <cstdlib>

#include "fakes/heap_meter.h"
#include "fakes/seeded_random.h"
#include "integration/hostile/hostile_server.h"
#include "integration/rtmp/librtmp_bench.h"
#include "rtmp/protocol/handshake.h"
#include "util/log.h"

namespace campush {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace test;

/// One after the other, so that each can be measured; hostile_tcp_test holds 10 000, many at once.
constexpr uint64_t usual_dialogues = 200;
constexpr size_t max_heap_per_session = 4u << 20;
constexpr milliseconds short_patience(150), long_patience(30'000);

uint64_t number_of(const char* variable, uint64_t usual) {
  const char* const given = std::getenv(variable);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : usual;
}

struct hostile_bench : librtmp_bench {
  hostile_server evil{loop, network, {milliseconds(20)}};
  std::string authority;
  uint64_t published = 0;

  hostile_bench() {
    set_log_level(log_level::error);
    const result<endpoint> at = evil.start(*parse_endpoint("127.0.0.1", 0));
    EXPECT_TRUE(at.has_value());
    authority = "127.0.0.1:" + std::to_string(at->port);
  }
  /// One connection, some pictures if it comes so far, and its end.
  void hold(hostile_dialogue dialogue, const char* scheme = "rtmp", milliseconds patience = short_patience) {
    evil.play(std::move(dialogue));
    const size_t held = heap_bytes();
    reset_heap_peak();
    start(std::string(scheme) + "://user:pass@" + authority + "/live/gate", patience);
    const outgoing_tag tag = picture(3000, 40);
    ASSERT_TRUE(wait_for([this] { return heard.is_published || heard.has_failed; }));
    if (heard.is_published) ++published;
    for (int i = 0; i < 20 && !heard.has_failed; ++i) {
      static_cast<void>(subject->write(&tag, 1, video_dialect::enhanced));
      loop.run_one_for(milliseconds(1));
    }
    if (!heard.has_failed) subject->stop(short_patience);
    ASSERT_TRUE(wait_for([this] { return heard.has_failed; }));
    subject.reset();
    ASSERT_TRUE(wait_for([this] { return factory.crew().size() == 0; }));
    ASSERT_LE(heap_peak_bytes() - held, max_heap_per_session);
  }
};

TEST(librtmp_hostile, true_dialogues_are_held_as_they_should) {
  hostile_bench bench;
  for (size_t i = 0; i < dialogue_count(); ++i) {
    hostile_dialogue dialogue = true_dialogue(i);
    SCOPED_TRACE(dialogue.name);
    dialogue.ending = last_word::stays;
    ASSERT_NO_FATAL_FAILURE(bench.hold(std::move(dialogue), "rtmp", long_patience));
  }
  EXPECT_GE(bench.published, 6u);
}

TEST(librtmp_hostile, mutated_dialogues_end_in_time_and_leave_no_thread) {
  hostile_bench bench;
  const uint64_t first = number_of("CAMPUSH_HOSTILE_SEED", 1),
                 count = number_of("CAMPUSH_HOSTILE_DIALOGUES", usual_dialogues);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    hostile_dialogue dialogue = mutated_dialogue(seed);
    SCOPED_TRACE("CAMPUSH_HOSTILE_SEED=" + std::to_string(seed) + ": " + dialogue.name);
    ASSERT_NO_FATAL_FAILURE(bench.hold(std::move(dialogue)));
  }
  EXPECT_GT(bench.published, 0u);
}

/// Of a server that speaks RTMPE and means no good: its first three parts are all that the library reads.
hostile_dialogue encrypted_noise(uint64_t seed) {
  seeded_random random(seed);
  std::vector<uint8_t> bytes(1 + 2 * handshake::part_bytes + random.between(0, 4000));
  const uint64_t fill = random.between(0, 2);
  for (uint8_t& each : bytes) {
    each = static_cast<uint8_t>(fill == 0 ? random.between(0, 255) : fill == 1 ? 0xff : 0);
  }
  const uint8_t versions[] = {6, 8, 9, 3};
  bytes[0] = versions[random.between(0, 3)];
  hostile_dialogue dialogue;
  dialogue.name = "encrypted noise";
  dialogue.piece_bytes = random.chance(20) ? random.between(1, 2000) : SIZE_MAX;
  if (random.chance(20)) bytes.resize(random.between(1, bytes.size()));
  dialogue.turns = {std::move(bytes)};
  dialogue.ending = random.chance(50) ? last_word::closes : last_word::stays;
  dialogue.is_eager = random.chance(30);
  return dialogue;
}

TEST(librtmp_hostile, a_server_that_only_pretends_to_encrypt_is_left) {
  hostile_bench bench;
  const uint64_t first = number_of("CAMPUSH_HOSTILE_SEED", 1), count = number_of("CAMPUSH_HOSTILE_DIALOGUES", 200) / 2;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("CAMPUSH_HOSTILE_SEED=" + std::to_string(seed));
    ASSERT_NO_FATAL_FAILURE(bench.hold(encrypted_noise(seed), "rtmpe"));
  }
  EXPECT_EQ(bench.published, 0u);
}

hostile_dialogue web_noise(uint64_t seed) {
  seeded_random random(seed);
  const char* const heads[] = {"HTTP/1.1 200 OK\r\nContent-Length: ", "HTTP/1.1 200 OK\r\ncontent-length:",
                               "HTTP/1.0 500 No\r\nContent-Length: ", "HTTP/1.1 200 OK\r\nX: "};
  const char* const lengths[] = {"0", "1", "5", "-1", "4294967297", "2000000", "17", "x"};
  hostile_dialogue dialogue;
  dialogue.name = "web noise";
  for (uint64_t turn = random.between(1, 4); turn > 0; --turn) {
    std::string text = std::string(heads[random.between(0, 3) * random.between(0, 1)]) + lengths[random.between(0, 7)];
    if (random.chance(90)) text += "\r\n\r\n";
    for (uint64_t i = random.between(0, 40); i > 0; --i) text += static_cast<char>(random.between(0, 255));
    dialogue.turns.emplace_back(text.begin(), text.end());
  }
  dialogue.piece_bytes = random.chance(20) ? random.between(1, 7) : SIZE_MAX;
  dialogue.ending = random.chance(70) ? last_word::closes : last_word::stays;
  return dialogue;
}

TEST(librtmp_hostile, a_web_server_that_answers_nonsense_is_left) {
  hostile_bench bench;
  const uint64_t first = number_of("CAMPUSH_HOSTILE_SEED", 1), count = number_of("CAMPUSH_HOSTILE_DIALOGUES", 200);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("CAMPUSH_HOSTILE_SEED=" + std::to_string(seed));
    ASSERT_NO_FATAL_FAILURE(bench.hold(web_noise(seed), "rtmpt"));
  }
  EXPECT_EQ(bench.published, 0u);
}

}  // namespace
}  // namespace campush
