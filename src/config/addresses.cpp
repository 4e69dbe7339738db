#include "config/addresses.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "rtmp/session_target.h"

namespace campush {

std::string anchor_path(std::string_view path, const std::string& base_dir) {
  const std::filesystem::path given(path);
  if (path.empty() || base_dir.empty() || given.is_absolute()) return std::string(path);
  return (std::filesystem::path(base_dir) / given).lexically_normal().string();
}

std::string anchor_secret_files(std::string_view text, const std::string& base_dir) {
  constexpr std::string_view opening = "{file:";
  std::string anchored;
  for (size_t i = 0; i < text.size();) {
    if (text.substr(i, 2) == "{{" || text.substr(i, 2) == "}}") {
      anchored += text.substr(i, 2);
      i += 2;
      continue;
    }
    const size_t end = text.find('}', i);
    if (text.substr(i, opening.size()) != opening || end == std::string_view::npos) {
      anchored += text[i++];
      continue;
    }
    const size_t start = i + opening.size();
    anchored += std::string(opening) + anchor_path(text.substr(start, end - start), base_dir) + "}";
    i = end + 1;
  }
  return anchored;
}

std::string host_name() {
  std::array<char, 256> name{};
  if (gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "campush";
  return name.data();
}

result<std::vector<stream_url>> expand_addresses(const session_config& session) {
  const url_template::variables variables = url_variables(session);
  std::vector<stream_url> urls;
  for (const url_entry& address : effective_urls(session)) {
    auto url = expand_url(address, variables);
    if (!url) return tl::unexpected(url.error());
    urls.push_back(std::move(*url));
  }
  return urls;
}

secret_text destination_of(const stream_url& url) {
  std::string host = url.host();
  std::transform(host.begin(), host.end(), host.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? char(c + 32) : c; });
  return secret_text(std::string(scheme_name(url.scheme())) + "://" + host + ":" + std::to_string(url.port()) + "/" +
                     url.app() + "/" + url.key().reveal());
}

}  // namespace campush
