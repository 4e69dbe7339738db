#include "server/rtmp_server.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "fakes/wire_text.h"
#include "net/memory_network.h"
#include "net/simulated_loop.h"
#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/client_dialogue.h"

namespace campush {
namespace {

using namespace std::chrono_literals;

/// A publisher of the plainest kind: our client dialogue on a byte stream.
class plain_publisher final : public byte_stream_events {
 public:
  plain_publisher(network& transport, const endpoint& server, const char* key) : m_dialogue(options(key)) {
    m_connecting = transport.connect(server, {}, [this](result<std::unique_ptr<byte_stream>> made) {
      if (!made) {
        connect_error = made.error().code;
        return;
      }
      m_stream = std::move(*made);
      m_stream->set_events(this);
      m_dialogue.start();
      flush();
    });
  }
  static client_dialogue_options options(const char* key) {
    client_dialogue_options made;
    made.app = "live";
    made.tc_url = "rtmp://server/live";
    made.stream_key = secret_text(key);
    return made;
  }
  void send(message_type type, uint32_t timestamp_ms, byte_view payload) {
    append_chunked(m_media, {type, chunk_stream::video, timestamp_ms, 1}, payload, m_dialogue.chunk_size());
    flush();
  }
  void unpublish() {
    m_dialogue.unpublish();
    flush();
  }
  void close() { m_stream->close(); }
  void stop_reading() { m_reads = false; }
  const client_dialogue& dialogue() const { return m_dialogue; }
  bool is_publishing() const { return m_dialogue.phase() == dialogue_phase::publishing; }
  size_t unsent() const { return m_media.size(); }

  void on_readable() override {
    uint8_t buffer[4096];
    while (m_reads) {
      const io_outcome outcome = m_stream->read_some(buffer, sizeof buffer);
      if (outcome.status == io_status::closed || outcome.status == io_status::failed) end = outcome.status;
      if (outcome.status != io_status::ok) break;
      received += outcome.bytes;
      if (!m_dialogue.receive({buffer, outcome.bytes})) end = io_status::failed;
    }
    flush();
  }
  void on_writable() override { flush(); }

  std::optional<error_code> connect_error;
  std::optional<io_status> end;
  size_t received = 0;

 private:
  void flush() {
    while (!m_dialogue.pending_output().empty()) {
      const byte_view part = m_dialogue.pending_output();
      const io_outcome outcome = m_stream->write_some(&part, 1);
      if (outcome.status != io_status::ok) return wait(outcome);
      m_dialogue.consume_output(outcome.bytes);
    }
    while (!m_media.empty()) {
      const byte_view part(m_media);
      const io_outcome outcome = m_stream->write_some(&part, 1);
      if (outcome.status != io_status::ok) return wait(outcome);
      m_media.erase(m_media.begin(), m_media.begin() + static_cast<std::ptrdiff_t>(outcome.bytes));
    }
  }
  void wait(const io_outcome& outcome) {
    if (outcome.status == io_status::would_block) m_stream->request_writable();
  }

  client_dialogue m_dialogue;
  std::unique_ptr<pending_operation> m_connecting;
  std::unique_ptr<byte_stream> m_stream;
  std::vector<uint8_t> m_media;
  bool m_reads = true;
};

class remembering_listener final : public rtmp_server_listener {
 public:
  void on_publish(const rtmp_stream_stats& stream) override { log.push_back("publish " + stream.name); }
  void on_tag(const rtmp_stream_stats&, const received_tag& tag) override {
    log.push_back(std::string(received_kind_name(tag.kind)) + ' ' + std::to_string(tag.timestamp_ms));
  }
  void on_close(const rtmp_stream_stats& stream) override {
    log.push_back("close " + stream.name + ": " + stream.end_reason);
  }
  std::vector<std::string> log;
};

class rtmp_server_world : public ::testing::Test {
 protected:
  rtmp_server_world() {
    m_network.add_host("server", {"10.0.0.1"});
    m_options.listen = *parse_endpoint("10.0.0.1", 1935);
    m_options.idle_timeout = 20s;
  }
  void start(const rtmp_server_faults& faults = {}) {
    m_server = std::make_unique<rtmp_server>(m_loop, m_network, m_options, &m_listener);
    m_server->set_faults(faults);
    ASSERT_TRUE(m_server->start());
  }
  std::unique_ptr<plain_publisher> publisher(const char* key = "gate") {
    auto made = std::make_unique<plain_publisher>(m_network, m_server->local(), key);
    m_world.run_for(1s);
    return made;
  }
  void run(duration span) { m_world.run_for(span); }
  rtmp_stream_stats only_stream() const {
    EXPECT_EQ(m_server->streams().size(), 1u);
    return m_server->streams().empty() ? rtmp_stream_stats() : m_server->streams()[0];
  }

  simulation m_world;
  simulated_loop m_loop{m_world};
  memory_network m_network{m_world};
  rtmp_server_options m_options;
  remembering_listener m_listener;
  std::unique_ptr<rtmp_server> m_server;
};

const std::vector<uint8_t> header_bytes = wire("17 00 000000 01");
const std::vector<uint8_t> key_bytes = wire("17 01 000000 00000001 65");
const std::vector<uint8_t> inter_bytes = wire("27 01 000000 00000001 41");
const std::vector<uint8_t> audio_bytes = wire("AF 01 21");

TEST_F(rtmp_server_world, takes_a_publisher_and_counts_what_it_sends) {
  start();
  const auto camera = publisher("gate?token=secret");
  ASSERT_TRUE(camera->is_publishing());
  camera->send(message_type::data_amf0, 0, wire("05"));
  camera->send(message_type::video, 0, header_bytes);
  camera->send(message_type::audio, 0, wire("AF 00 1190"));
  camera->send(message_type::video, 0, key_bytes);
  camera->send(message_type::audio, 10, audio_bytes);
  camera->send(message_type::video, 40, inter_bytes);
  camera->send(message_type::video, 40, inter_bytes);
  camera->send(message_type::video, 5040, inter_bytes);
  run(100ms);
  const rtmp_stream_stats stats = only_stream();
  EXPECT_TRUE(stats.is_live);
  EXPECT_EQ(stats.app, "live");
  EXPECT_EQ(stats.name, "gate");
  EXPECT_EQ(stats.metadata, 1u);
  EXPECT_EQ(stats.video_headers, 1u);
  EXPECT_EQ(stats.audio_headers, 1u);
  EXPECT_EQ(stats.video.count, 4u);
  EXPECT_EQ(stats.keyframes, 1u);
  EXPECT_EQ(stats.audio.count, 1u);
  EXPECT_EQ(stats.video.first_ms, 0u);
  EXPECT_EQ(stats.video.last_ms, 5040u);
  EXPECT_EQ(stats.video.gaps, 1u);
  EXPECT_EQ(stats.video.largest_step_ms, 5000u);
  EXPECT_EQ(stats.video.backward_steps, 1u);
  EXPECT_STREQ(stats.video_codec, "h264");
  EXPECT_GT(stats.wire_bytes, stats.payload_bytes);
  camera->unpublish();
  run(100ms);
  EXPECT_TRUE(camera->dialogue().is_unpublished());
  EXPECT_EQ(only_stream().end_reason, "unpublished by the client");
  EXPECT_EQ(m_listener.log.front(), "publish gate");
  EXPECT_EQ(m_listener.log[4], "video 0");
  EXPECT_EQ(m_listener.log.back(), "close gate: unpublished by the client");
}

TEST_F(rtmp_server_world, counts_pictures_whose_reference_is_missing) {
  start();
  const auto camera = publisher();
  const auto picture = [](bool is_key, uint8_t number, uint8_t count) {
    std::vector<uint8_t> bytes = wire(is_key ? "17 01 000000 00000021" : "27 01 000000 00000021");
    // The fourth byte of a number over 0x03 needs no emulation prevention.
    for (const uint8_t each : wire("06 05 16 'campush picture' 00 10101010")) bytes.push_back(each);
    bytes[bytes.size() - 1] = number;
    for (const uint8_t each : {uint8_t(is_key ? 1 : 0), count, uint8_t{0x80}}) bytes.push_back(each);
    bytes[8] = static_cast<uint8_t>(bytes.size() - 9);
    return bytes;
  };
  camera->send(message_type::video, 0, picture(true, 16, 0));
  camera->send(message_type::video, 40, picture(false, 17, 1));
  camera->send(message_type::video, 120, picture(false, 19, 3));
  run(100ms);
  EXPECT_EQ(only_stream().pictures.pictures(), 3u);
  EXPECT_EQ(only_stream().pictures.missing_references(), 1u);
  EXPECT_EQ(only_stream().pictures.skipped(), 1u);
}

TEST_F(rtmp_server_world, refuses_a_name_in_use_and_leaves_both_connections_open) {
  start();
  const auto first = publisher("gate?a=1"), second = publisher("gate?a=2"), other = publisher("yard");
  EXPECT_TRUE(first->is_publishing());
  EXPECT_EQ(second->dialogue().failure(), dialogue_failure::name_in_use);
  EXPECT_FALSE(second->end);
  EXPECT_TRUE(other->is_publishing());
  EXPECT_EQ(m_server->totals().publishes_refused, 1u);
  first->close();
  run(100ms);
  EXPECT_TRUE(publisher("gate")->is_publishing());
}

TEST_F(rtmp_server_world, replaces_the_old_publisher_when_configured) {
  m_options.duplicates = duplicate_policy::replace;
  start();
  const auto first = publisher(), second = publisher();
  EXPECT_TRUE(first->end);
  EXPECT_TRUE(second->is_publishing());
  EXPECT_EQ(m_server->live_streams(), 1u);
}

TEST_F(rtmp_server_world, lets_two_publish_one_name_when_configured) {
  m_options.duplicates = duplicate_policy::allow;
  start();
  const auto first = publisher(), second = publisher();
  EXPECT_TRUE(first->is_publishing() && second->is_publishing());
  first->close();
  run(100ms);
  EXPECT_EQ(m_server->live_streams(), 1u);
}

TEST_F(rtmp_server_world, dies_and_comes_back_on_its_port) {
  start();
  const auto first = publisher();
  m_server->kill_all_connections();
  run(100ms);
  EXPECT_TRUE(first->end);
  EXPECT_TRUE(publisher()->is_publishing());
  m_server->stop();
  run(100ms);
  EXPECT_EQ(m_server->totals().connections_open, 0u);
  EXPECT_EQ(publisher()->connect_error, error_code::connection_refused);
  ASSERT_TRUE(m_server->start());
  EXPECT_TRUE(publisher()->is_publishing());
  EXPECT_EQ(m_server->totals().connections_open, 1u);
}

TEST_F(rtmp_server_world, refuses_connections_and_accepts_again) {
  rtmp_server_faults faults;
  faults.refuse_connections = true;
  start(faults);
  EXPECT_EQ(publisher()->connect_error, error_code::connection_refused);
  m_server->set_faults({});
  EXPECT_TRUE(publisher()->is_publishing());
}

struct refusal_case {
  const char* name;
  bool rtmp_server_faults::*fault;
  dialogue_failure failure;
  bool is_closed;
};

TEST_F(rtmp_server_world, refuses_as_the_faults_say) {
  const refusal_case cases[] = {
      {"bad_name", &rtmp_server_faults::bad_name, dialogue_failure::name_in_use, false},
      {"deny_publish", &rtmp_server_faults::deny_publish, dialogue_failure::denied, true},
      {"deny_connect", &rtmp_server_faults::deny_connect, dialogue_failure::denied, true},
      {"garbage", &rtmp_server_faults::garbage_after_handshake, dialogue_failure::protocol_violation, false},
  };
  for (const refusal_case& each : cases) {
    SCOPED_TRACE(each.name);
    rtmp_server_faults faults;
    faults.*each.fault = true;
    start(faults);
    const auto camera = publisher();
    EXPECT_EQ(camera->dialogue().failure(), each.failure);
    EXPECT_EQ(camera->end == io_status::closed, each.is_closed);
    EXPECT_EQ(m_server->totals().publishes_accepted, 0u);
    m_server.reset();
  }
}

TEST_F(rtmp_server_world, falls_silent_where_told) {
  rtmp_server_faults mute, after_connect;
  mute.silent_after_accept = true;
  after_connect.silent_after_connect = true;
  start(mute);
  auto camera = publisher();
  EXPECT_EQ(camera->received, 0u);
  EXPECT_EQ(camera->dialogue().phase(), dialogue_phase::handshake);
  EXPECT_FALSE(camera->end);
  m_server->set_faults(after_connect);
  camera = publisher();
  EXPECT_EQ(camera->dialogue().phase(), dialogue_phase::connect);
  run(30s);
  EXPECT_FALSE(camera->end) << "silence is not closing";
}

TEST_F(rtmp_server_world, closes_right_after_start) {
  rtmp_server_faults faults;
  faults.close_after_start = true;
  start(faults);
  const auto camera = publisher();
  EXPECT_EQ(camera->dialogue().phase(), dialogue_phase::publishing);
  EXPECT_EQ(camera->end, io_status::closed);
}

TEST_F(rtmp_server_world, closes_after_so_many_bytes) {
  rtmp_server_faults faults;
  faults.close_after_bytes = 10000;
  start(faults);
  const auto camera = publisher();
  camera->send(message_type::video, 0, std::vector<uint8_t>(20000));
  run(1s);
  EXPECT_TRUE(camera->end);
  EXPECT_EQ(only_stream().end_reason, "closed after bytes");
}

TEST_F(rtmp_server_world, stops_reading_after_so_many_bytes) {
  rtmp_server_faults faults;
  faults.stop_reading_after_bytes = 10000;
  start(faults);
  const auto camera = publisher();
  ASSERT_TRUE(camera->is_publishing());
  camera->send(message_type::video, 0, std::vector<uint8_t>(4000000));
  run(5s);
  EXPECT_FALSE(camera->end);
  EXPECT_GT(camera->unsent(), 3000000u);
  EXPECT_EQ(only_stream().wire_bytes, 10000u);
}

TEST_F(rtmp_server_world, reads_as_slowly_as_told) {
  rtmp_server_faults faults;
  faults.read_bytes_per_s = 100000;
  start(faults);
  const auto camera = publisher();
  ASSERT_TRUE(camera->is_publishing());
  const uint64_t before = only_stream().wire_bytes;
  camera->send(message_type::video, 0, std::vector<uint8_t>(4000000));
  run(10s);
  EXPECT_NEAR(double(only_stream().wire_bytes - before), 1e6, 2e4);
}

TEST_F(rtmp_server_world, acknowledges_only_so_often) {
  rtmp_server_faults faults;
  faults.acknowledge_every = 5s;
  start(faults);
  const auto camera = publisher();
  camera->send(message_type::video, 0, std::vector<uint8_t>(3000000));
  run(3s);
  EXPECT_EQ(camera->dialogue().acknowledged_bytes(), 0u);
  run(3s);
  EXPECT_GT(camera->dialogue().acknowledged_bytes(), 3000000u);
}

TEST_F(rtmp_server_world, acknowledges_as_due_without_the_fault) {
  start();
  const auto camera = publisher();
  camera->send(message_type::video, 0, std::vector<uint8_t>(3000000));
  run(1s);
  EXPECT_GT(camera->dialogue().acknowledged_bytes(), 1250000u);
}

TEST_F(rtmp_server_world, kicks_a_publisher_after_a_while) {
  rtmp_server_faults faults;
  faults.unpublish_after = 3s;
  start(faults);
  const auto camera = publisher();
  EXPECT_TRUE(camera->is_publishing());
  run(3s);
  EXPECT_EQ(camera->dialogue().failure(), dialogue_failure::closed_by_server);
  EXPECT_EQ(camera->end, io_status::closed);
}

TEST_F(rtmp_server_world, kicks_on_request) {
  start();
  const auto gate = publisher("gate"), yard = publisher("yard");
  EXPECT_EQ(m_server->unpublish("live", "none"), 0u);
  EXPECT_EQ(m_server->unpublish("live", "yard"), 1u);
  run(100ms);
  EXPECT_TRUE(gate->is_publishing());
  EXPECT_EQ(yard->dialogue().failure(), dialogue_failure::closed_by_server);
}

TEST_F(rtmp_server_world, ends_connections_that_never_publish_or_fall_idle) {
  start();
  const auto camera = publisher();
  std::unique_ptr<byte_stream> idle_stream;
  const auto connecting = m_network.connect(m_server->local(), {}, [&](auto made) { idle_stream = std::move(*made); });
  run(1s);
  EXPECT_EQ(m_server->totals().connections_open, 2u);
  run(15s);
  EXPECT_EQ(m_server->totals().connections_open, 1u);
  run(10s);
  EXPECT_EQ(m_server->totals().connections_open, 0u);
  EXPECT_EQ(only_stream().end_reason, "idle");
}

TEST_F(rtmp_server_world, ends_a_client_that_breaks_the_protocol) {
  start();
  const auto camera = publisher();
  camera->send(static_cast<message_type>(1), 0, wire("00000000"));
  run(100ms);
  EXPECT_TRUE(camera->end);
  EXPECT_EQ(m_server->totals().protocol_errors, 1u);
  EXPECT_EQ(only_stream().end_reason, "chunk size is out of range");
}

TEST_F(rtmp_server_world, limits_its_connections) {
  m_options.max_connections = 1;
  start();
  const auto first = publisher("gate"), second = publisher("yard");
  EXPECT_TRUE(first->is_publishing());
  EXPECT_TRUE(second->end);
}

TEST_F(rtmp_server_world, records_to_files_that_stay_in_their_folder) {
  std::string folder = (std::filesystem::temp_directory_path() / "campush_server_XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  m_options.record_dir = folder;
  start();
  const auto camera = publisher("../../a_secret_key_of_many_letters");
  camera->send(message_type::video, 0, key_bytes);
  run(100ms);
  const std::string path = only_stream().recording;
  EXPECT_EQ(std::filesystem::path(path).parent_path(), folder);
  EXPECT_EQ(path.find("secret"), std::string::npos);
  EXPECT_GT(std::filesystem::file_size(path), 13u);
  m_server.reset();
  std::filesystem::remove_all(folder);
}

TEST_F(rtmp_server_world, goes_on_when_it_cannot_record) {
  m_options.record_dir = "/nonexistent";
  start();
  EXPECT_TRUE(publisher()->is_publishing());
  EXPECT_EQ(only_stream().recording, "");
}

TEST(shown_stream_name, hides_what_may_be_a_key) {
  EXPECT_EQ(shown_stream_name("cam0_main"), "cam0_main");
  EXPECT_EQ(shown_stream_name("abcdefghijklmnop"), "abcdefghijklmnop");
  EXPECT_EQ(shown_stream_name("abcdefghijklmnopq"), "ab***");
  EXPECT_EQ(shown_stream_name("a-b"), "a-***");
  EXPECT_EQ(shown_stream_name("\x1b[31m"), "?[***");
  EXPECT_EQ(shown_stream_name(""), "");
}

TEST(shown_app_name, leaves_nothing_that_moves_a_terminal) {
  EXPECT_EQ(shown_app_name("live/inner?token=1"), "live/inner");
  EXPECT_EQ(shown_app_name("a\x1b[2J\nclose    b/c\xc2\x9b"), "a?[2J?close????b/c??");
  EXPECT_EQ(shown_app_name(std::string(5000, 'a')).size(), 64u);
}

TEST(track_times, takes_a_wrap_for_a_step) {
  track_times times;
  times.add(0xfffffff0, 1000);
  times.add(4, 1000);
  EXPECT_EQ(times.gaps, 0u);
  EXPECT_EQ(times.backward_steps, 0u);
  EXPECT_EQ(times.largest_step_ms, 20u);
}

}  // namespace
}  // namespace campush
