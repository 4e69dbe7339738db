#pragma once

#include <optional>

#include "rtmp/protocol/publisher_auth.h"
#include "rtmp/publish_failure.h"
#include "rtmp/publisher.h"

namespace campush {

/// The connections of one attempt, and how each introduces itself: as the target says; again with name and proof where the server asks
/// who publishes (Adobe, Limelight: up to three connections); once again without the Enhanced properties where connect failed with
/// them. Pure policy: the publisher makes the connections.
/// Shape: introduction() for each connection; when one ends before connect was accepted, judge() says whether to make another.
/// Errors: a password that the server does not take, or that is asked for and missing, is `denied` with a sentence that names neither.
/// Thread: loop-thread.
/// Source: facts/rtmp 4.4 rule 3 and 5.5.
class publish_rounds {
 public:
  /// Three for a password, one more without properties.
  static constexpr unsigned max_connections = 4;

  explicit publish_rounds(const publish_target& target);

  client_dialogue_options introduction();
  /// `end` is how the connection ended. Empty: make another one; else what to report.
  std::optional<publish_failure> judge(const client_dialogue& dialogue, publish_failure end);
  /// What the server said of itself, once it accepted connect.
  server_capabilities answer_of(const client_dialogue& dialogue) const;

 private:
  bool may_dislike_properties(const client_dialogue& dialogue, disconnect_reason reason) const noexcept;

  const publish_target& m_target;
  client_auth m_auth;
  enhanced_offer m_offer;
  bool m_gave_up_properties = false;
  unsigned m_connections = 0;
};

}  // namespace campush
