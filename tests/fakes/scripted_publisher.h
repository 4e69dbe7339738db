#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rtmp/publisher.h"

namespace campush {

/// What the server behind one host does with the next connections to it.
struct scripted_server {
  duration ready_after = std::chrono::milliseconds(10);
  duration published_after = std::chrono::milliseconds(5);
  duration stopped_after = std::chrono::milliseconds(20);
  disconnect_reason connect_failure = disconnect_reason::none;
  disconnect_reason publish_failure = disconnect_reason::none;
  bool refuses_writes = false;  ///< takes no tag: a full send buffer
  bool acknowledges = true;
  server_capabilities answer;  ///< given to each connect that does not fail
  std::string redirect_to;     ///< refuses every connect and sends it there
  endpoint local, remote;
  std::string security;
};

struct sent_tag {
  tag_kind kind = tag_kind::video;
  bool is_keyframe = false;
  uint32_t timestamp_ms = 0;
  size_t bytes = 0;
  codec_id codec = codec_id::none;
  video_dialect dialect = video_dialect::legacy;
};

/// One connection that a session made, kept after its publisher is gone.
struct scripted_connection {
  std::string host, key;
  publish_target target;
  std::vector<sent_tag> sent;
  bool is_ready = false, is_published = false, is_stopped = false, is_gone = false;
  uint64_t bytes = 0, acknowledged = 0;

  size_t count(tag_kind kind) const {
    size_t found = 0;
    for (const sent_tag& tag : sent) found += tag.kind == kind ? 1 : 0;
    return found;
  }
  /// "MVAk…": metadata, video header, audio header, keyframe, picture (p), sound (s).
  std::string order() const {
    std::string text;
    for (const sent_tag& tag : sent) {
      switch (tag.kind) {
        case tag_kind::metadata: text += 'M'; break;
        case tag_kind::video_header: text += 'V'; break;
        case tag_kind::audio_header: text += 'A'; break;
        case tag_kind::video: text += tag.is_keyframe ? 'k' : 'p'; break;
        case tag_kind::audio: text += 's'; break;
      }
    }
    return text;
  }
};

class scripted_publisher_factory final : public publisher_factory {
 public:
  explicit scripted_publisher_factory(event_loop& loop) : m_loop(loop) {}

  std::unique_ptr<publisher> make(const publish_target& target, publisher_events& events) override;

  std::map<std::string, scripted_server> servers;  ///< by host; made on first sight
  std::vector<std::shared_ptr<scripted_connection>> connections;

  /// Ends the living connections of a host, with `redirected` by sending them to redirect_to; returns how many there were.
  size_t kill(const std::string& host, disconnect_reason reason = disconnect_reason::connection_reset);
  /// The living, published connections of a host are asked to move.
  void request_reconnect(const std::string& host, const std::string& tc_url);
  /// Tells blocked connections of a host that they may write.
  void unblock(const std::string& host);

 private:
  class scripted_publisher;
  event_loop& m_loop;
  std::vector<scripted_publisher*> m_living;
};

}  // namespace campush
