#include "sink_cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "cli/help_format.h"

namespace {

using campush::rtmp_server_faults;

struct flag_row {
  const char* name;
  const char* help;
  bool rtmp_server_faults::*field;
};
constexpr flag_row flag_rows[] = {
    {"--refuse", "refuse every connection", &rtmp_server_faults::refuse_connections},
    {"--bad-name", "answer every publish NetStream.Publish.BadName and stay open", &rtmp_server_faults::bad_name},
    {"--deny-connect", "answer every connect NetConnection.Connect.Rejected, then close",
     &rtmp_server_faults::deny_connect},
    {"--deny-publish", "answer every publish NetStream.Publish.Denied, then close", &rtmp_server_faults::deny_publish},
    {"--silent-after-accept", "never say a byte", &rtmp_server_faults::silent_after_accept},
    {"--silent-after-connect", "never answer the connect command", &rtmp_server_faults::silent_after_connect},
    {"--garbage", "answer the connect command with bytes that are not RTMP",
     &rtmp_server_faults::garbage_after_handshake},
    {"--close-after-start", "accept the publish, then close", &rtmp_server_faults::close_after_start},
};

struct bytes_row {
  const char* name;
  const char* help;
  uint64_t rtmp_server_faults::*field;
};
constexpr bytes_row bytes_rows[] = {
    {"--close-after-bytes", "reset each connection once it has received so many bytes",
     &rtmp_server_faults::close_after_bytes},
    {"--stop-reading-after-bytes", "stop reading each connection after so many bytes, leave it open",
     &rtmp_server_faults::stop_reading_after_bytes},
    {"--slow", "read at most so many bytes per second of each connection", &rtmp_server_faults::read_bytes_per_s},
};

struct seconds_row {
  const char* name;
  const char* help;
  campush::duration rtmp_server_faults::*field;
};
constexpr seconds_row seconds_rows[] = {
    {"--late-acks", "acknowledge only every so many seconds, whatever the window",
     &rtmp_server_faults::acknowledge_every},
    {"--unpublish-after", "kick each publisher after so many seconds", &rtmp_server_faults::unpublish_after},
    {"--reconnect-after", "ask each publisher to reconnect after so many seconds (Enhanced RTMP's ReconnectRequest)",
     &rtmp_server_faults::reconnect_after},
};

struct address_row {
  const char* name;
  const char* help;
  std::string rtmp_server_faults::*field;
};
constexpr address_row address_rows[] = {
    {"--redirect", "refuse every connect and name this address instead, as SRS does (302)",
     &rtmp_server_faults::redirect_to},
    {"--reconnect-to", "where --reconnect-after sends publishers; without it the same address again",
     &rtmp_server_faults::reconnect_to},
};

/// What --claim says of Enhanced RTMP in the answer to connect.
struct claim_row {
  const char* name;
  void (*apply)(campush::server_capabilities&);
};
constexpr claim_row claim_rows[] = {
    {"hvc1", [](campush::server_capabilities& claims) { claims.has_video_list = claims.takes_hevc = true; }},
    {"no-hvc1", [](campush::server_capabilities& claims) { claims.has_video_list = true; }},
    {"reconnect", [](campush::server_capabilities& claims) { claims.has_reconnect = true; }},
};

const std::map<std::string, campush::auth_method> auth_methods = {{"adobe", campush::auth_method::adobe},
                                                                  {"llnw", campush::auth_method::limelight}};

const std::map<std::string, campush::duplicate_policy> policies = {{"refuse", campush::duplicate_policy::refuse},
                                                                   {"replace", campush::duplicate_policy::replace},
                                                                   {"allow", campush::duplicate_policy::allow}};

constexpr const char* footer = R"(Its first line tells where it listens ("listening 127.0.0.1:41235"); port 0 takes
a free one. Any app and stream name is accepted. Streams are reported once a
second on a terminal or with --json, and summed up at SIGINT or SIGTERM.

Examples:
  campush-sink --listen 127.0.0.1:0 --record /tmp --once
                   one publisher, recorded
  ffmpeg -re -f lavfi -i testsrc2 -f flv rtmp://127.0.0.1:1935/live/test
                   something to receive
  campush-sink --auth adobe --user cam --password 1234
                   a server that wants a password
  campush-sink --claim hvc1
                   one that takes H.265 and says so
  campush-sink --claim reconnect --reconnect-after 10 --listen 127.0.0.1:0
                   one that moves its publishers
  campush-sink --tls-cert server.pem --tls-key server.key
                   RTMPS
  campush-sink --stop-reading-after-bytes 500000
                   one that hangs

Exit status:
  0  good
  1  cannot listen, or a marked picture came without its reference
  2  wrong usage
)";

void add_fault_options(CLI::App& app, campush::sink_options& options) {
  const char* const group = "Misbehaviour (each is off by default; they combine)";
  for (const flag_row& row : flag_rows) app.add_flag(row.name, options.faults.*row.field, row.help)->group(group);
  for (const bytes_row& row : bytes_rows) {
    app.add_option(row.name, options.faults.*row.field, row.help)
        ->type_name("BYTES")
        ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
        ->group(group);
  }
  for (const seconds_row& row : seconds_rows) {
    app.add_option_function<double>(
           row.name,
           [&options, &row](const double& seconds) {
             options.faults.*row.field =
                 std::chrono::duration_cast<campush::duration>(std::chrono::duration<double>(seconds));
           },
           row.help)
        ->type_name("SECONDS")
        ->check(CLI::Range(0.001, 999999.0))
        ->group(group);
  }
  for (const address_row& row : address_rows) {
    app.add_option(row.name, options.faults.*row.field, row.help)
        ->type_name("rtmp://HOST[:PORT]/APP")
        ->check([](const std::string& text) {
          return campush::is_plain_address(text) ? std::string() : "an address has no spaces";
        })
        ->group(group);
  }
  app.add_flag("--refuse-properties", options.server.claims.refuses_properties,
               "answer a connect that carries Enhanced RTMP properties NetConnection.Connect.Failed, then close")
      ->group(group);
}

/// One of the names of a table, or the sentence that says so.
template <class Table, class NameOf>
std::string check_name(const Table& table, const std::string& given, NameOf name_of) {
  std::string allowed;
  for (const auto& row : table) {
    if (given == name_of(row)) return {};
    allowed += (allowed.empty() ? "" : ", ") + std::string(name_of(row));
  }
  return given + " is none of " + allowed;
}

void add_enhanced_options(CLI::App& app, campush::sink_options& options) {
  const char* const group = "Enhanced RTMP (nothing is said of it by default)";
  app.add_option_function<std::vector<std::string>>(
         "--claim",
         [&options](const std::vector<std::string>& names) {
           for (const claim_row& row : claim_rows) {
             if (std::find(names.begin(), names.end(), row.name) != names.end()) row.apply(options.server.claims);
           }
         },
         "what the answer to connect says: a list with H.265, a list without it, that reconnect requests come")
      ->type_name("hvc1|no-hvc1|reconnect")
      ->delimiter(',')
      ->check([](const std::string& name) {
        return check_name(claim_rows, name, [](const claim_row& row) { return row.name; });
      })
      ->group(group);
  app.add_flag("--claim-in-properties", options.server.claims_in_properties,
               "say it in the first object of the answer instead of the second")
      ->group(group);
}

void add_access_options(CLI::App& app, campush::sink_options& options) {
  const char* const group = "Access";
  CLI::Option* const auth = app.add_option_function<std::string>(
      "--auth", [&options](const std::string& name) { options.server.auth = auth_methods.at(name); },
      "publishers must prove who they are: Adobe's or Limelight's challenge (rtmp://USER:PASSWORD@HOST/…)");
  auth->type_name("adobe|llnw")->group(group)->check([](const std::string& name) {
    return check_name(auth_methods, name, [](const auto& row) { return row.first.c_str(); });
  });
  CLI::Option* const user = app.add_option("--user", options.server.account.user, "who may publish");
  user->type_name("NAME")->group(group)->needs(auth);
  CLI::Option* const password = app.add_option_function<std::string>(
      "--password",
      [&options](const std::string& text) { options.server.account.password = campush::secret_text(text); },
      "and with which password");
  password->type_name("TEXT")->group(group)->needs(auth);
  auth->needs(user)->needs(password);
  CLI::Option* const certificate = app.add_option("--tls-cert", options.tls.certificate_file,
                                                  "speak RTMPS with this certificate (PEM, chain from the own one up)");
  certificate->type_name("FILE")->group(group);
  CLI::Option* const key = app.add_option("--tls-key", options.tls.key_file, "its private key (PEM)");
  key->type_name("FILE")->group(group)->needs(certificate);
  certificate->needs(key);
  app.add_option("--tls-client-ca", options.tls.client_ca_file, "clients must show a certificate of these CAs (PEM)")
      ->type_name("FILE")
      ->group(group)
      ->needs(certificate);
}

void add_options(CLI::App& app, campush::sink_options& options, std::string& listen) {
  app.add_option("--listen", listen, "where to listen; IPv6 in brackets: [::1]:1935")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--record", options.server.record_dir,
                 "write each stream to an FLV file in this folder (made if missing)")
      ->type_name("DIR");
  app.add_flag("--wire-times", options.server.writes_wire_times,
               "beside each recording, FILE.flv.times: type, raw 32-bit timestamp and size of every message")
      ->needs("--record");
  app.add_flag("--json", options.is_json, "one JSON object a line instead of text");
  app.add_flag("--once", options.ends_after_first, "end when the first publisher has gone");
  app.add_option_function<std::string>(
         "--duplicates", [&options](const std::string& policy) { options.server.duplicates = policies.at(policy); },
         "a name already being published: refuse it (BadName, as nginx-rtmp), replace the old one, allow both")
      ->type_name("refuse|replace|allow")
      ->check([](const std::string& policy) {
        return policies.count(policy) != 0 ? std::string() : policy + " is not refuse, replace or allow";
      });
  app.add_option("--chunk-size", options.server.chunk_size, "chunk size announced to clients")
      ->type_name("BYTES")
      ->check(CLI::Range(128, 65536))
      ->capture_default_str();
  app.add_option("--gap-ms", options.server.gap_ms, "a step of a track's time that counts as a gap")
      ->type_name("MS")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str();
}

}  // namespace

namespace campush {

void define_sink_cli(CLI::App& app, sink_options& options, std::string& listen) {
  use_plain_help(app);
  app.name("campush-sink");
  app.description("Receives RTMP publishers, counts what they send, records it, and misbehaves on request.");
  app.footer(footer);
  add_options(app, options, listen);
  add_access_options(app, options);
  add_enhanced_options(app, options);
  add_fault_options(app, options);
}

}  // namespace campush
