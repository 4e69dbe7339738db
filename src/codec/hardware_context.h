#pragma once

#include "codec/abandonable_thread.h"
#include "codec/libav_video_plan.h"

namespace campush {

/// An encoder in hardware, every call of which is made on a thread that can be given up: FFmpeg waits for such drivers without a limit.
/// Shape: as an AVCodecContext: send(), receive(). After an error the encoder is used up.
/// Errors: those of FFmpeg in its own words; timed_out for a call that did not return within `call_limit`.
/// Thread: one thread (capture-thread).
class hardware_context {
 public:
  static constexpr duration call_limit = std::chrono::milliseconds(800);

  static result<std::unique_ptr<hardware_context>> open(const video_encoder_kind& kind, AVPixelFormat format,
                                                        const video_encoder_plan& plan);

  /// Null: no more pictures. The frame may be changed again when it comes back.
  [[nodiscard]] result<void> send(const AVFrame* frame);
  /// False: it has none yet, or no more.
  [[nodiscard]] result<bool> receive(AVPacket& packet);
  /// The kernel's number of the thread, for its CPU time.
  int thread_id() const noexcept { return m_thread_id; }

 private:
  class device;
  hardware_context() = default;
  result<int> call(abandonable_thread::job job, const char* name);

  const char* m_name = "";
  int m_thread_id = 0;
  device* m_device = nullptr;  ///< of the thread; null when it was given up
  std::unique_ptr<abandonable_thread> m_thread;
};

}  // namespace campush
