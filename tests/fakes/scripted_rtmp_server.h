#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fakes/wire_text.h"
#include "rtmp/protocol/amf0.h"
#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/client_dialogue.h"
#include "rtmp/protocol/handshake.h"

namespace campush {

inline constexpr const char* scripted_stream_key = "gate?token=s3cret&u=7";

inline client_dialogue_options usual_options() {
  client_dialogue_options options;
  options.app = "live";
  options.tc_url = "rtmp://server/live";
  options.stream_key = secret_text(scripted_stream_key);
  return options;
}

inline amf0_value status(const char* level, const char* code, const char* description) {
  return amf0_value::object(
      {{"level", amf0_value::of(level)}, {"code", amf0_value::of(code)}, {"description", amf0_value::of(description)}});
}

/// A server that says only what the test tells it to, and a record of what the client said.
class scripted_server : public chunk_reader::handler {
 public:
  explicit scripted_server(client_dialogue_options options = usual_options()) : client(std::move(options)) {}

  void shake_hands() {
    client.start();
    std::vector<uint8_t> answers;
    pump_handshake(answers);
    feed(answers, 1000000);
    pump_handshake(answers);
    ASSERT_TRUE(m_shake.is_done());
    read_client();
  }

  /// Sends bytes to the client in pieces; keeps its first error.
  void feed(byte_view bytes, size_t piece) {
    for (size_t at = 0; at < bytes.size(); at += piece) {
      result<void> outcome = client.receive(bytes.subview(at, piece));
      if (!outcome && !failure) failure = outcome.error();
    }
  }
  void say_raw(message_type type, byte_view body, uint32_t message_stream_id = 0) {
    std::vector<uint8_t> bytes;
    append_chunked(bytes, {type, chunk_stream::control, 0, message_stream_id}, body, 128);
    feed(bytes, piece_size);
    read_client();
  }
  void say(const std::vector<amf0_value>& values, message_type type = message_type::command_amf0) {
    std::vector<uint8_t> body;
    if (type == message_type::command_amf3) body.push_back(0);
    byte_writer writer(body);
    for (const amf0_value& each : values) write_amf0(writer, each);
    say_raw(type, body);
  }
  void answer(const char* name, double call, amf0_value third, amf0_value fourth) {
    say({amf0_value::of(name), amf0_value::of(call), std::move(third), std::move(fourth)});
  }
  void accept_connect() {
    answer("_result", 1, amf0_value::object({{"fmsVer", amf0_value::of("FMS/3,0,1,123")}}),
           status("status", "NetConnection.Connect.Success", "Connection succeeded."));
  }
  void accept_create_stream(double id = 1) { answer("_result", 4, amf0_value::null(), amf0_value::of(id)); }
  void say_status(const char* level, const char* code, double call = 0, const char* description = "text") {
    answer("onStatus", call, amf0_value::null(), status(level, code, description));
  }
  void start_publishing() {
    shake_hands();
    accept_connect();
    accept_create_stream();
    say_status("status", "NetStream.Publish.Start");
  }

  result<void> on_message(const rtmp_message& message) override {
    if (message.header.type == message_type::command_amf0) {
      commands.push_back(*read_amf0_all(message.payload));
      command_headers.push_back(message.header);
    } else {
      controls.push_back({message.header.type, message.payload.to_vector()});
    }
    return {};
  }
  void read_client() {
    ASSERT_TRUE(m_reader.feed(client.pending_output(), *this));
    client.consume_output(client.pending_output().size());
  }
  std::vector<std::string> command_names() const {
    std::vector<std::string> names;
    for (const auto& each : commands) names.push_back(each.front().string);
    return names;
  }

  client_dialogue client;
  std::vector<std::vector<amf0_value>> commands;
  std::vector<message_header> command_headers;
  std::vector<std::pair<message_type, std::vector<uint8_t>>> controls;
  std::optional<error> failure;
  size_t piece_size = 1000000;

 private:
  void pump_handshake(std::vector<uint8_t>& answers) {
    const result<size_t> used = m_shake.feed(client.pending_output(), answers);
    ASSERT_TRUE(used);
    client.consume_output(*used);
  }

  handshake m_shake{handshake_role::server, 1};
  chunk_reader m_reader{chunk_limits{}};
};

}  // namespace campush
