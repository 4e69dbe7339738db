#include "integration/hostile/hostile_dialogue.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "fakes/seeded_random.h"
#include "rtmp/protocol/amf0.h"
#include "rtmp/protocol/chunk_writer.h"
#include "rtmp/protocol/handshake.h"

namespace campush::test {

namespace {

struct said_message {
  message_header header;
  std::vector<uint8_t> body;
};
using said_turn = std::vector<said_message>;
struct script {
  const char* name;
  std::vector<said_turn> turns;  ///< behind the handshake
};

// What servers say.

said_message control(message_type type, uint32_t value, int extra = -1) {
  said_message said{{type, chunk_stream::control, 0, 0}, {}};
  byte_writer out(said.body);
  out.write_u32(value);
  if (extra >= 0) out.write_u8(static_cast<uint8_t>(extra));
  return said;
}
said_message user_control(uint16_t event, uint32_t value) {
  said_message said{{message_type::user_control, chunk_stream::control, 0, 0}, {}};
  byte_writer out(said.body);
  out.write_u16(event);
  out.write_u32(value);
  return said;
}
said_message command(const std::vector<amf0_value>& values, uint32_t message_stream_id = 0) {
  said_message said{{message_type::command_amf0, chunk_stream::command, 0, message_stream_id}, {}};
  byte_writer out(said.body);
  for (const amf0_value& each : values) write_amf0(out, each);
  return said;
}
amf0_value info(const char* level, const char* code, const char* description = "text") {
  return amf0_value::object(
      {{"level", amf0_value::of(level)}, {"code", amf0_value::of(code)}, {"description", amf0_value::of(description)}});
}
said_message on_status(const char* level, const char* code, uint32_t message_stream_id = 1) {
  return command({amf0_value::of("onStatus"), amf0_value::of(0.0), amf0_value::null(), info(level, code)},
                 message_stream_id);
}
said_message result_of(double call, amf0_value third, amf0_value fourth) {
  return command({amf0_value::of("_result"), amf0_value::of(call), std::move(third), std::move(fourth)});
}
said_message accepted_connect(std::vector<amf0_value::property> more = {}) {
  amf0_value properties =
      amf0_value::object({{"fmsVer", amf0_value::of("FMS/3,0,1,123")}, {"capabilities", amf0_value::of(31.0)}});
  amf0_value answer = info("status", "NetConnection.Connect.Success");
  for (auto& each : more) answer.properties.push_back(std::move(each));
  return result_of(1, std::move(properties), std::move(answer));
}
said_message refused_connect(const char* description, std::vector<amf0_value::property> more = {}) {
  amf0_value answer = info("error", "NetConnection.Connect.Rejected", description);
  for (auto& each : more) answer.properties.push_back(std::move(each));
  return command({amf0_value::of("_error"), amf0_value::of(1.0), amf0_value::null(), std::move(answer)});
}
said_turn welcome(uint32_t chunk_size, said_message answer) {
  return {control(message_type::window_ack_size, 2500000), control(message_type::set_peer_bandwidth, 2500000, 2),
          control(message_type::set_chunk_size, chunk_size), std::move(answer)};
}
said_turn stream_made() {
  return {result_of(4, amf0_value::null(), amf0_value::of(1.0))};
}
said_turn started() {
  return {user_control(0, 1), on_status("status", "NetStream.Publish.Start")};
}

std::vector<script> make_scripts() {
  const auto ping = user_control(6, 123456);
  amf0_value data =
      amf0_value::ecma_array({{"srs_server", amf0_value::of("SRS/5.0")}, {"srs_id", amf0_value::of("vid-77")}});
  amf0_value codecs = amf0_value::object({{"hvc1", amf0_value::of(4.0)}, {"*", amf0_value::of(4.0)}});
  amf0_value moved = info("status", "NetConnection.Connect.ReconnectRequest");
  moved.properties.emplace_back("tcUrl", amf0_value::of("rtmp://evil/elsewhere"));
  const amf0_value ex =
      amf0_value::object({{"code", amf0_value::of(302.0)}, {"redirect", amf0_value::of("rtmp://evil/moved")}});
  const std::vector<amf0_value> bandwidth_done = {amf0_value::of("onBWDone"), amf0_value::of(0.0), amf0_value::null()};
  return {
      {"nginx-rtmp",
       {welcome(4096, accepted_connect()),
        stream_made(),
        started(),
        {ping, control(message_type::acknowledgement, 70000)}}},
      {"SRS",
       {welcome(60000, accepted_connect({{"data", data}})),
        {command(bandwidth_done), result_of(2, amf0_value::null(), amf0_value::of(0.0)), stream_made().front()},
        {command({amf0_value::of("onFCPublish"), amf0_value::of(0.0), amf0_value::null(),
                  info("status", "NetStream.Publish.Start")}),
         on_status("status", "NetStream.Publish.Start")},
        {ping}}},
      {"ZLMediaKit",
       {welcome(60000, accepted_connect({{"objectEncoding", amf0_value::null()}})),
        stream_made(),
        started(),
        {ping, ping}}},
      {"a server that says what it can",
       {welcome(65536, accepted_connect(
                           {{"fourCcList", amf0_value::strict_array({amf0_value::of("hvc1"), amf0_value::of("av01")})},
                            {"videoFourCcInfoMap", codecs},
                            {"capsEx", amf0_value::of(1.0)}})),
        stream_made(),
        started(),
        {ping}}},
      {"a reconnect request",
       {welcome(4096, accepted_connect({{"capsEx", amf0_value::of(1.0)}})),
        stream_made(),
        started(),
        {command({amf0_value::of("onStatus"), amf0_value::of(0.0), amf0_value::null(), moved})}}},
      {"a redirect", {{refused_connect("RTMP 302 Redirect", {{"ex", ex}})}}},
      {"a password", {{refused_connect("[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ")}}},
      {"a challenge",
       {{refused_connect("[ AccessManager.Reject ] : [ authmod=adobe ] : "
                         "?reason=needauth&user=user&salt=S5rV&challenge=q2w3&opaque=q2w3")}}},
      {"a name in use",
       {welcome(4096, accepted_connect()), stream_made(), {on_status("error", "NetStream.Publish.BadName")}}},
      {"a refusal",
       {welcome(4096, accepted_connect()), stream_made(), {on_status("error", "NetStream.Publish.Denied")}}},
      {"no such application",
       {{refused_connect("no such application")}, {command({amf0_value::of("close"), amf0_value::of(0.0)})}}},
      {"a kick",
       {welcome(4096, accepted_connect()),
        stream_made(),
        started(),
        {ping},
        {on_status("status", "NetStream.Unpublish.Success")}}},
  };
}

/// A client has left long before: read_allowance. The heap of a test is not to be the server's.
constexpr size_t max_turn_bytes = 1280 * 1024;

uint64_t fitting(uint64_t times, size_t held, size_t each) {
  if (each == 0) return times;
  return std::min<uint64_t>(times, held < max_turn_bytes ? (max_turn_bytes - held) / each : 0);
}

// Mutations of messages.

constexpr double odd_numbers[] = {0,
                                  -1,
                                  1.5,
                                  65536,
                                  4294967296.0,
                                  1e300,
                                  -1e300,
                                  std::numeric_limits<double>::quiet_NaN(),
                                  std::numeric_limits<double>::infinity()};
constexpr uint32_t odd_sizes[] = {0,     1,        2,        127,        128,         65535,
                                  65536, 1u << 20, 0xffffff, 0x7fffffff, 0x80000000u, 0xffffffffu};

template <class Item, size_t Count>
Item any_of(const Item (&items)[Count], seeded_random& random) {
  return items[random.between(0, Count - 1)];
}
said_turn& any_turn(script& said, seeded_random& random) {
  return said.turns[random.between(0, said.turns.size() - 1)];
}
said_message* any_message(script& said, seeded_random& random) {
  said_turn& turn = any_turn(said, random);
  return turn.empty() ? nullptr : &turn[random.between(0, turn.size() - 1)];
}
/// Objects in objects; the depth that a parser without a limit would follow.
std::vector<uint8_t> nested(seeded_random& random) {
  const uint64_t depth = any_of({2ul, 7ul, 8ul, 9ul, 64ul, 20000ul}, random);
  const uint8_t marker = any_of({uint8_t{3}, uint8_t{8}, uint8_t{10}}, random);
  std::vector<uint8_t> out;
  byte_writer writer(out);
  for (uint64_t i = 0; i < depth; ++i) {
    writer.write_u8(marker);
    if (marker != 3) writer.write_u32(any_of(odd_sizes, random));
    if (marker != 10) writer.write_u16(0);
  }
  return out;
}

void change_type(script& said, seeded_random& random) {
  if (said_message* each = any_message(said, random))
    each->header.type = static_cast<message_type>(random.between(0, 32));
}
void change_stream(script& said, seeded_random& random) {
  if (said_message* each = any_message(said, random)) each->header.message_stream_id = any_of(odd_sizes, random);
}
void change_chunk_stream(script& said, seeded_random& random) {
  if (said_message* each = any_message(said, random))
    each->header.chunk_stream_id = static_cast<uint32_t>(random.between(2, 63));
}
void change_time(script& said, seeded_random& random) {
  if (said_message* each = any_message(said, random)) each->header.timestamp_ms = any_of(odd_sizes, random);
}
void drop_message(script& said, seeded_random& random) {
  said_turn& turn = any_turn(said, random);
  if (!turn.empty()) turn.erase(turn.begin() + static_cast<std::ptrdiff_t>(random.between(0, turn.size() - 1)));
}
void repeat_message(script& said, seeded_random& random) {
  said_turn& turn = any_turn(said, random);
  if (turn.empty()) return;
  const said_message again = turn[random.between(0, turn.size() - 1)];
  size_t held = 0;
  for (const said_message& each : turn) held += each.body.size();
  turn.insert(turn.end(), fitting(random.between(1, 200), held, again.body.size()), again);
}
void swap_turns(script& said, seeded_random& random) {
  std::swap(any_turn(said, random), any_turn(said, random));
}
void say_control(script& said, seeded_random& random) {
  const auto type = static_cast<message_type>(random.between(1, 6));
  any_turn(said, random).push_back(control(type, any_of(odd_sizes, random), static_cast<int>(random.between(0, 255))));
}
void say_user_control(script& said, seeded_random& random) {
  any_turn(said, random)
      .push_back(user_control(static_cast<uint16_t>(random.between(0, 40)), any_of(odd_sizes, random)));
}
void say_much(script& said, seeded_random& random) {
  const uint64_t bytes = any_of({1000ul, 60000ul, 65536ul, 65537ul, 300000ul}, random);
  const auto type = static_cast<message_type>(random.between(1, 32));
  any_turn(said, random).push_back({{type, chunk_stream::command, 0, 0}, std::vector<uint8_t>(bytes, uint8_t{2})});
}
void say_number(script& said, seeded_random& random) {
  const double call = any_of({1.0, 2.0, 3.0, 4.0, 5.0, -1.0}, random);
  any_turn(said, random).push_back(result_of(call, amf0_value::null(), amf0_value::of(any_of(odd_numbers, random))));
}
void say_nested(script& said, seeded_random& random) {
  said_message deep = command({amf0_value::of("_result"), amf0_value::of(any_of({1.0, 4.0}, random))});
  const std::vector<uint8_t> inner = nested(random);
  deep.body.insert(deep.body.end(), inner.begin(), inner.end());
  any_turn(said, random).push_back(std::move(deep));
}
void nest_inside(script& said, seeded_random& random) {
  said_message* each = any_message(said, random);
  if (each == nullptr) return;
  const std::vector<uint8_t> inner = nested(random);
  const auto at = each->body.begin() + static_cast<std::ptrdiff_t>(random.between(0, each->body.size()));
  each->body.insert(at, inner.begin(), inner.end());
}
void change_marker(script& said, seeded_random& random) {
  said_message* each = any_message(said, random);
  if (each == nullptr || each->body.empty()) return;
  each->body[random.between(0, each->body.size() - 1)] = static_cast<uint8_t>(random.between(0, 18));
}
void cut_body(script& said, seeded_random& random) {
  said_message* each = any_message(said, random);
  if (each != nullptr) each->body.resize(random.between(0, each->body.size()));
}

using change_script = void (*)(script&, seeded_random&);
constexpr struct {
  const char* name;
  change_script apply;
} message_changes[] = {
    {"type", change_type},
    {"message stream", change_stream},
    {"chunk stream", change_chunk_stream},
    {"time", change_time},
    {"message missing", drop_message},
    {"message repeated", repeat_message},
    {"turns swapped", swap_turns},
    {"control", say_control},
    {"user control", say_user_control},
    {"large message", say_much},
    {"number", say_number},
    {"nested command", say_nested},
    {"nesting", nest_inside},
    {"marker", change_marker},
    {"body cut", cut_body},
};

// Mutations of bytes. `starts` are where the messages of the turn begin.

struct wire_turn {
  std::vector<uint8_t> bytes;
  std::vector<size_t> starts;
};

size_t any_start(const wire_turn& turn, seeded_random& random) {
  return turn.starts.empty() ? 0 : turn.starts[random.between(0, turn.starts.size() - 1)];
}
void put(wire_turn& turn, size_t at, std::initializer_list<uint8_t> bytes) {
  for (uint8_t each : bytes) {
    if (at < turn.bytes.size()) turn.bytes[at++] = each;
  }
}
std::vector<uint8_t> noise(uint64_t bytes, seeded_random& random) {
  std::vector<uint8_t> out(bytes);
  for (uint8_t& each : out) each = static_cast<uint8_t>(random.between(0, 255));
  return out;
}

void flip_bits(wire_turn& turn, seeded_random& random) {
  for (uint64_t i = random.between(1, 8); i > 0 && !turn.bytes.empty(); --i) {
    turn.bytes[random.between(0, turn.bytes.size() - 1)] ^= static_cast<uint8_t>(1u << random.between(0, 7));
  }
}
void change_length(wire_turn& turn, seeded_random& random) {
  const uint32_t length = any_of(odd_sizes, random);
  put(turn, any_start(turn, random) + 4,
      {static_cast<uint8_t>(length >> 16), static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)});
}
void change_basic_header(wire_turn& turn, seeded_random& random) {
  put(turn, any_start(turn, random), {static_cast<uint8_t>(random.between(0, 255))});
}
void change_header(wire_turn& turn, seeded_random& random) {
  put(turn, any_start(turn, random) + random.between(0, 11), {static_cast<uint8_t>(random.between(0, 255))});
}
void cut(wire_turn& turn, seeded_random& random) {
  turn.bytes.resize(random.between(0, turn.bytes.size()));
}
void insert_noise(wire_turn& turn, seeded_random& random) {
  const std::vector<uint8_t> more = noise(any_of({1ul, 2ul, 16ul, 300ul, 5000ul}, random), random);
  const auto at = turn.bytes.begin() + static_cast<std::ptrdiff_t>(random.between(0, turn.bytes.size()));
  turn.bytes.insert(at, more.begin(), more.end());
}
void remove_some(wire_turn& turn, seeded_random& random) {
  if (turn.bytes.empty()) return;
  const size_t from = random.between(0, turn.bytes.size() - 1);
  const size_t count = std::min<size_t>(random.between(1, 40), turn.bytes.size() - from);
  const auto begin = turn.bytes.begin() + static_cast<std::ptrdiff_t>(from);
  turn.bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
}
void repeat_some(wire_turn& turn, seeded_random& random) {
  const size_t from = any_start(turn, random);
  const std::vector<uint8_t> again(turn.bytes.begin() + static_cast<std::ptrdiff_t>(std::min(from, turn.bytes.size())),
                                   turn.bytes.end());
  for (uint64_t i = fitting(random.between(1, 30), turn.bytes.size(), again.size()); i > 0; --i) {
    turn.bytes.insert(turn.bytes.end(), again.begin(), again.end());
  }
}
/// A message that begins on every chunk stream and never ends.
void open_many(wire_turn& turn, seeded_random& random) {
  for (uint64_t id = 2; id < random.between(3, 64); ++id) {
    const uint8_t header[] = {static_cast<uint8_t>(id), 0, 0, 0, 0, 0xff, 0xff, 20, 0, 0, 0, 0};
    turn.bytes.insert(turn.bytes.end(), std::begin(header), std::end(header));
    turn.bytes.insert(turn.bytes.end(), 128, uint8_t{0});
  }
}

using change_wire = void (*)(wire_turn&, seeded_random&);
constexpr struct {
  const char* name;
  change_wire apply;
} wire_changes[] = {
    {"bits", flip_bits},
    {"length", change_length},
    {"basic header", change_basic_header},
    {"header", change_header},
    {"cut", cut},
    {"noise", insert_noise},
    {"bytes missing", remove_some},
    {"bytes repeated", repeat_some},
    {"open messages", open_many},
};

// From messages to bytes.

wire_turn to_wire(const said_turn& turn, uint32_t& chunk_size) {
  constexpr uint32_t largest_chunk = 65536;
  wire_turn out;
  for (const said_message& each : turn) {
    out.starts.push_back(out.bytes.size());
    append_chunked(out.bytes, each.header, each.body, chunk_size);
    if (each.header.type != message_type::set_chunk_size || each.body.size() < 4) continue;
    const uint32_t wanted = static_cast<uint32_t>(each.body[0]) << 24 | static_cast<uint32_t>(each.body[1]) << 16 |
                            static_cast<uint32_t>(each.body[2]) << 8 | each.body[3];
    if (wanted > 0 && wanted <= largest_chunk) chunk_size = wanted;
  }
  return out;
}

std::vector<wire_turn> to_wire(const script& said) {
  uint32_t chunk_size = 128;
  std::vector<wire_turn> out(1);
  out[0].bytes.assign(1 + 2 * handshake::part_bytes, handshake::version);
  for (const said_turn& turn : said.turns) out.push_back(to_wire(turn, chunk_size));
  return out;
}

hostile_dialogue made_of(std::string name, std::vector<wire_turn> turns) {
  hostile_dialogue made;
  made.name = std::move(name);
  for (wire_turn& each : turns) made.turns.push_back(std::move(each.bytes));
  return made;
}

}  // namespace

size_t dialogue_count() {
  return make_scripts().size();
}

hostile_dialogue true_dialogue(size_t index) {
  const script said = make_scripts().at(index);
  return made_of(said.name, to_wire(said));
}

hostile_dialogue mutated_dialogue(uint64_t seed) {
  seeded_random random(seed);
  std::vector<script> scripts = make_scripts();
  script said = scripts[random.between(0, scripts.size() - 1)];
  std::string name = said.name;
  const uint64_t in_messages = random.between(0, 3);
  for (uint64_t i = 0; i < in_messages; ++i) {
    const auto& change = message_changes[random.between(0, std::size(message_changes) - 1)];
    change.apply(said, random);
    name += std::string(", ") + change.name;
  }
  std::vector<wire_turn> turns = to_wire(said);
  const uint64_t in_bytes = random.between(in_messages == 0 ? 1 : 0, 2);
  for (uint64_t i = 0; i < in_bytes; ++i) {
    const auto& change = wire_changes[random.between(0, std::size(wire_changes) - 1)];
    // The handshake is large, and nothing in it is read but its first byte.
    const size_t first = random.chance(10) ? 0 : 1;
    change.apply(turns[random.between(std::min(first, turns.size() - 1), turns.size() - 1)], random);
    name += std::string(", ") + change.name;
  }
  hostile_dialogue made = made_of(std::move(name), std::move(turns));
  made.ending = any_of(
      {last_word::closes, last_word::closes, last_word::half_closes, last_word::stays, last_word::floods}, random);
  made.piece_bytes = any_of({size_t{1}, size_t{7}, size_t{200}, SIZE_MAX, SIZE_MAX, SIZE_MAX}, random);
  made.is_eager = random.chance(10);
  return made;
}

}  // namespace campush::test
