#pragma once

#include "rtmp/publisher.h"
#include "rtmp/session_config.h"
#include "rtmp/stream_url.h"
#include "rtmp/url_template.h"

namespace campush {

/// The values that the URL templates of this session may use. Thread: any-thread.
url_template::variables url_variables(const session_config& config);

/// One address of the list, expanded and taken apart. A key that an {env:} or {file:} variable made is marked secret.
/// Errors: those of url_template::expand() and stream_url::parse(); the text holds no secret.
/// Thread: any-thread; reads the files that the template names.
[[nodiscard]] result<stream_url> expand_url(const url_entry& entry, const url_template::variables& values);

/// How a session of this configuration connects to `url` (signed already): everything but what it asks of the server (`enhanced`).
/// Errors: invalid_argument where bind_address is none of this device now ("bind_address: ...").
/// Thread: any-thread.
[[nodiscard]] result<publish_target> make_target(const session_config& config, stream_url url, uint64_t handshake_seed);

/// The same number for the same text on every machine and in every run: spreads fleets without a random source.
uint64_t stable_hash(std::string_view text) noexcept;

}  // namespace campush
