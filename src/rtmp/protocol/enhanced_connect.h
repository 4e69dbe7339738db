#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "rtmp/protocol/amf0.h"
#include "rtmp/protocol/server_capabilities.h"

namespace campush {

/// The Enhanced RTMP properties of a connect command: what a publisher will send and whether it obeys a ReconnectRequest.
/// Shape: FourCCs as text ("hvc1", "Opus"). Empty lists and false are left out of the command, so that a plain connect stays plain.
/// Thread: any-thread (a value type).
/// Source: facts/rtmp 4.2.
struct enhanced_offer {
  std::vector<std::string> video, audio;
  bool reconnect = false;  ///< capsEx bit 0
  bool any() const noexcept { return !video.empty() || !audio.empty() || reconnect; }
};

/// fourCcList (all names, for servers of version 1), videoFourCcInfoMap and audioFourCcInfoMap (CanEncode), capsEx.
void append_offer(std::vector<amf0_value::property>& connect, const enhanced_offer& offer);
/// The other way round, at the server: names of fourCcList that no map mentions count as video. At most 64 names a list.
enhanced_offer read_offer(const amf0_value& connect);

/// What a server answers of itself, as properties of either object of `_result`.
void append_claims(std::vector<amf0_value::property>& answer, const server_capabilities& claims);
/// Reads both objects of a `_result`; a videoFourCcInfoMap wins over a fourCcList. Numbers that are no bit mask count as 0.
server_capabilities read_capabilities(const std::vector<amf0_value>& result_values);

/// Where a Rejected answer with `ex` {code: 302, redirect, redirect2} sends the client (SRS), as a tcUrl; empty if it does not.
/// Shape: redirect2 is a whole address: its part before the key; redirect is a tcUrl, from which a key is taken off where a server put
///   it there. Longer than max_server_address bytes, or with anything but printable characters: as if it were absent.
/// Source: facts/rtmp 4.6.
std::string read_redirect(const amf0_value& information, std::string_view stream_key);
/// The `ex` object that leads to `tc_url`; redirect2 is there only where the key is known.
amf0_value redirect_object(std::string_view tc_url, std::string_view stream_key = {});

/// "rtmp://host/app/key?query" without "/key?query", where it ends so; else empty.
std::string_view without_key(std::string_view address, std::string_view stream_key) noexcept;

/// An address that a server sent: no longer than this, printable, without spaces.
inline constexpr size_t max_server_address = 1024;
bool is_plain_address(std::string_view text) noexcept;

}  // namespace campush
