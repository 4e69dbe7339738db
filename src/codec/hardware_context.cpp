#include "codec/hardware_context.h"

#include <unistd.h>

#include "codec/libav_log.h"

namespace campush {

/// What the thread works on. Its own references to frame and packet: who gave up waiting for it needs his.
class hardware_context::device final : public abandonable_thread::subject {
 public:
  device(const video_encoder_kind& kind, AVPixelFormat format, const video_encoder_plan& plan)
      : m_kind(kind), m_format(format), m_plan(plan) {}

  static void open(subject& base) noexcept { of(base).attempt(&device::open_now); }
  static void send(subject& base) noexcept { of(base).attempt(&device::send_now); }
  static void receive(subject& base) noexcept { of(base).attempt(&device::receive_now); }

  libav_ptr<AVFrame> frame{av_frame_alloc()};
  libav_ptr<AVPacket> packet{av_packet_alloc()};
  bool is_flush = false;
  int code = 0, thread_id = 0;
  error failure;

 private:
  static device& of(subject& base) noexcept { return static_cast<device&>(base); }

  void attempt(void (device::*step)()) noexcept {
    try {
      failure.message.clear();
      forget_libav_words();
      (this->*step)();
    } catch (...) {
      code = AVERROR(ENOMEM);
    }
  }
  void open_now() {
    const quiet_libav quiet;
    thread_id = ::gettid();
    auto opened = open_encoder(m_kind, m_format, m_plan);
    code = opened ? 0 : AVERROR(EIO);
    if (opened) {
      m_context = std::move(*opened);
    } else {
      failure = std::move(opened.error());
    }
  }
  void send_now() {
    judge(avcodec_send_frame(m_context.get(), is_flush ? nullptr : frame.get()));
    av_frame_unref(frame.get());
  }
  void receive_now() { judge(avcodec_receive_packet(m_context.get(), packet.get())); }
  void judge(int outcome) {
    code = outcome;
    const bool is_failure = outcome < 0 && outcome != AVERROR(EAGAIN) && outcome != AVERROR_EOF;
    if (is_failure) failure = libav_error(outcome, m_kind.name);
  }

  const video_encoder_kind& m_kind;
  const AVPixelFormat m_format;
  const video_encoder_plan m_plan;
  libav_ptr<AVCodecContext> m_context;
};

result<int> hardware_context::call(abandonable_thread::job job, const char* name) {
  if (!m_thread->run(job, call_limit)) {
    m_device = nullptr;
    return fail(error_code::timed_out, std::string(name) + ": the driver did not return within 800 ms");
  }
  if (!m_device->failure.message.empty()) return tl::unexpected<error>(m_device->failure);
  if (m_device->code == AVERROR(ENOMEM)) return fail(error_code::io_failed, std::string(name) + ": no memory");
  return m_device->code;
}

result<std::unique_ptr<hardware_context>> hardware_context::open(const video_encoder_kind& kind, AVPixelFormat format,
                                                                 const video_encoder_plan& plan) {
  auto made = std::make_unique<device>(kind, format, plan);
  if (!made->frame || !made->packet) return fail(error_code::io_failed, "no memory for an encoder");
  std::unique_ptr<hardware_context> context(new hardware_context);
  context->m_device = made.get();
  auto begun = abandonable_thread::begin(std::move(made));
  if (!begun) return tl::unexpected<error>(std::move(begun.error()));
  context->m_thread = std::move(*begun);
  context->m_name = kind.name;
  if (auto opened = context->call(&device::open, kind.name); !opened) {
    return tl::unexpected<error>(std::move(opened.error()));
  }
  context->m_thread_id = context->m_device->thread_id;
  return context;
}

result<void> hardware_context::send(const AVFrame* frame) {
  if (m_device == nullptr) return fail(error_code::io_failed, std::string(m_name) + ": has failed before");
  m_device->is_flush = frame == nullptr;
  if (frame != nullptr && av_frame_ref(m_device->frame.get(), frame) < 0) {
    return fail(error_code::io_failed, "no memory for a picture");
  }
  const auto sent = call(&device::send, m_name);
  if (!sent) return tl::unexpected<error>(sent.error());
  if (*sent >= 0 || *sent == AVERROR_EOF) return {};
  return fail(error_code::io_failed, std::string(m_name) + ": takes no picture");
}

result<bool> hardware_context::receive(AVPacket& packet) {
  if (m_device == nullptr) return fail(error_code::io_failed, std::string(m_name) + ": has failed before");
  const auto received = call(&device::receive, m_name);
  if (!received) return tl::unexpected<error>(received.error());
  if (*received < 0) return false;
  av_packet_move_ref(&packet, m_device->packet.get());
  return true;
}

}  // namespace campush
