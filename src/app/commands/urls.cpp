#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "app/commands/commands.h"
#include "config/loader.h"
#include "rtmp/session_target.h"
#include "server/json.h"

namespace campush {

namespace {

/// One address of one session.
struct url_row {
  session_config session;
  size_t order = 0;
  std::string text;
};

result<std::vector<url_row>> expand_all(const system_config& config, bool with_secrets) {
  std::vector<url_row> rows;
  for (const session_config& session : config.sessions) {
    size_t order = 0;
    for (const url_entry& entry : effective_urls(session)) {
      const auto url = expand_url(entry, url_variables(session));
      if (!url) return tl::unexpected(url.error());
      rows.push_back({session, order++, with_secrets ? url->full().reveal() : url->masked()});
    }
  }
  return rows;
}

void print_json(const std::vector<url_row>& rows) {
  json_writer out;
  out.begin_array();
  for (const url_row& row : rows) {
    out.begin_object().member("camera_id", uint64_t{row.session.camera_id});
    out.member("stream_id", uint64_t{row.session.stream_id}).member("stream", row.session.stream_name);
    out.member("destination", row.session.destination).member("order", uint64_t{row.order}).member("url", row.text);
    out.end_object();
  }
  out.end_array();
  std::printf("%s\n", out.take().c_str());
}

void print_table(const std::vector<url_row>& rows) {
  size_t stream_width = 6, destination_width = 11;
  for (const url_row& row : rows) {
    stream_width = std::max(stream_width, row.session.stream_name.size());
    destination_width = std::max(destination_width, row.session.destination.size());
  }
  std::string out = fmt::format("{:<6}  {:<{}}  {:<{}}  {:<8}  {}\n", "camera", "stream", stream_width, "destination",
                                destination_width, "order", "url");
  for (const url_row& row : rows) {
    out += fmt::format("{:<6}  {:<{}}  {:<{}}  {:<8}  {}\n", row.session.camera_id, row.session.stream_name,
                       stream_width, row.session.destination, destination_width,
                       row.order == 0 ? "primary" : fmt::format("backup{}", row.order), row.text);
  }
  std::fputs(out.c_str(), stdout);
}

}  // namespace

int urls_command(const urls_options& options) {
  const auto config = load_system_config(resolve_config_path(options.config));
  if (!config) {
    std::fprintf(stderr, "%s\n", config.error().message.c_str());
    return exit_usage;
  }
  const auto rows = expand_all(*config, options.with_secrets);
  if (!rows) {
    std::fprintf(stderr, "%s\n", rows.error().message.c_str());
    return exit_usage;
  }
  options.as_json ? print_json(*rows) : print_table(*rows);
  return exit_good;
}

}  // namespace campush
