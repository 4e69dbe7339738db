#include "device/alsa/alsa_device.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "util/log.h"

namespace campush {

namespace {

constexpr unsigned usual_rate = 48'000;
constexpr unsigned most_channels = 2;
/// How long a reader may be kept from the processor without loss.
constexpr unsigned buffer_us = 500'000;
/// What the encoders take; a card that gives anything else is converted.
constexpr std::array<uint32_t, 9> known_rates = {8'000, 11'025, 16'000, 22'050, 24'000, 32'000, 44'100, 48'000, 96'000};

snd_pcm_format_t alsa_format(sample_format format) noexcept {
  switch (format) {
    case sample_format::a_law: return SND_PCM_FORMAT_A_LAW;
    case sample_format::mu_law: return SND_PCM_FORMAT_MU_LAW;
    case sample_format::signed_16: break;
  }
  return SND_PCM_FORMAT_S16;
}

device_state state_of(snd_pcm_state_t state) noexcept {
  switch (state) {
    case SND_PCM_STATE_RUNNING:
    case SND_PCM_STATE_DRAINING: return device_state::running;
    case SND_PCM_STATE_XRUN: return device_state::overrun;
    case SND_PCM_STATE_SUSPENDED: return device_state::suspended;
    case SND_PCM_STATE_DISCONNECTED: return device_state::gone;
    default: return device_state::stopped;
  }
}

/// A code that tells of the device's state, which the next look() shows.
bool is_state(int code) noexcept {
  return code == -EPIPE || code == -ESTRPIPE || code == -EAGAIN || code == -EINTR;
}

bool is_wanted(const sound_request& request, const sound_shape& shape) noexcept {
  const bool has_rate = request.sample_rate == 0
                            ? std::find(known_rates.begin(), known_rates.end(), shape.sample_rate) != known_rates.end()
                            : shape.sample_rate == request.sample_rate;
  const bool has_channels =
      request.channels == 0 ? shape.channels <= most_channels : shape.channels == request.channels;
  return has_rate && has_channels;
}

}  // namespace

alsa_device::alsa_device() = default;

alsa_device::~alsa_device() {
  close();
}

tl::unexpected<error> alsa_device::failed(const char* what, int code) const {
  return fail(error_from_errno(-code, "").code, "microphone " + m_name + ": " + what + ": " + m_calls->strerror(code));
}

result<sound_shape> alsa_device::open(const sound_request& request) {
  close();
  const auto calls = load_alsa();
  if (!calls) return tl::unexpected<error>(wrap(calls.error(), "microphone " + request.name));
  m_calls = *calls;
  m_name = request.name;
  auto shape = open_as(request.name, request);
  if (shape && is_wanted(request, *shape)) return shape;
  const bool is_format_refused = !shape && shape.error().code == error_code::invalid_argument;
  const bool can_be_plugged = m_name.find('\'') == std::string::npos;
  if ((!shape && !is_format_refused) || !can_be_plugged) return shape;
  sound_request exact = request;
  if (exact.sample_rate == 0) exact.sample_rate = usual_rate;
  if (exact.channels == 0) exact.channels = shape ? std::min(shape->channels, most_channels) : 1;
  close();
  auto converted = open_as("plug:SLAVE='" + m_name + "'", exact);
  if (!converted || is_wanted(exact, *converted)) return converted;
  close();
  return fail(error_code::invalid_argument, "microphone " + m_name + ": it gives " +
                                                std::to_string(converted->sample_rate) + " Hz, " +
                                                std::to_string(converted->channels) + " channels, not what is asked");
}

result<sound_shape> alsa_device::open_as(const std::string& name, const sound_request& request) {
  if (const int code = m_calls->pcm_open(&m_pcm, name.c_str(), SND_PCM_STREAM_CAPTURE, SND_PCM_NONBLOCK); code < 0) {
    m_pcm = nullptr;
    return failed("open", code);
  }
  auto shape = negotiate(request);
  if (shape) {
    if (auto asked = ask_for_stamps(*shape); !asked) shape = tl::unexpected<error>(std::move(asked.error()));
  }
  if (shape) {
    if (auto watched = watch(); !watched) shape = tl::unexpected<error>(std::move(watched.error()));
  }
  if (!shape) close();
  return shape;
}

result<sound_shape> alsa_device::negotiate(const sound_request& request) {
  snd_pcm_hw_params_t* made = nullptr;
  if (const int code = m_calls->pcm_hw_params_malloc(&made); code < 0) return failed("hw_params", code);
  const std::unique_ptr<snd_pcm_hw_params_t, decltype(m_calls->pcm_hw_params_free)> params(made,
                                                                                           m_calls->pcm_hw_params_free);
  snd_pcm_hw_params_t* const p = params.get();
  if (const int code = m_calls->pcm_hw_params_any(m_pcm, p); code < 0) return failed("hw_params", code);
  if (m_calls->pcm_hw_params_set_access(m_pcm, p, SND_PCM_ACCESS_RW_INTERLEAVED) < 0 ||
      m_calls->pcm_hw_params_set_format(m_pcm, p, alsa_format(request.format)) < 0) {
    return fail(error_code::invalid_argument, "microphone " + m_name + ": it does not have the sample format");
  }
  unsigned channels = request.channels == 0 ? 1 : request.channels;
  unsigned rate = request.sample_rate == 0 ? usual_rate : request.sample_rate;
  unsigned period = request.period_us, buffer = buffer_us;
  int direction = 0;
  int code = m_calls->pcm_hw_params_set_channels_near(m_pcm, p, &channels);
  if (code >= 0) code = m_calls->pcm_hw_params_set_rate_near(m_pcm, p, &rate, &direction);
  if (code < 0) return fail(error_code::invalid_argument, "microphone " + m_name + ": it does not have the rate");
  // A card that has neither keeps its own sizes.
  direction = 0;
  if (m_calls->pcm_hw_params_set_period_time_near(m_pcm, p, &period, &direction) < 0) period = 0;
  direction = 0;
  if (m_calls->pcm_hw_params_set_buffer_time_near(m_pcm, p, &buffer, &direction) < 0) buffer = 0;
  if (code = m_calls->pcm_hw_params(m_pcm, p); code < 0) return failed("hw_params", code);
  sound_shape shape;
  snd_pcm_uframes_t period_size = 0, buffer_size = 0;
  m_calls->pcm_hw_params_get_channels(p, &channels);
  m_calls->pcm_hw_params_get_rate(p, &rate, &direction);
  m_calls->pcm_hw_params_get_period_size(p, &period_size, &direction);
  m_calls->pcm_hw_params_get_buffer_size(p, &buffer_size);
  shape.channels = channels;
  shape.sample_rate = rate;
  shape.period = static_cast<uint32_t>(std::max<snd_pcm_uframes_t>(period_size, 1));
  shape.buffer = static_cast<uint32_t>(std::max<snd_pcm_uframes_t>(buffer_size, shape.period));
  return shape;
}

result<void> alsa_device::ask_for_stamps(const sound_shape& shape) {
  snd_pcm_sw_params_t* made = nullptr;
  if (const int code = m_calls->pcm_sw_params_malloc(&made); code < 0) return failed("sw_params", code);
  const std::unique_ptr<snd_pcm_sw_params_t, decltype(m_calls->pcm_sw_params_free)> params(made,
                                                                                           m_calls->pcm_sw_params_free);
  snd_pcm_sw_params_t* const p = params.get();
  if (const int code = m_calls->pcm_sw_params_current(m_pcm, p); code < 0) return failed("sw_params", code);
  m_is_stamped = m_calls->pcm_sw_params_set_tstamp_mode(m_pcm, p, SND_PCM_TSTAMP_ENABLE) >= 0 &&
                 m_calls->pcm_sw_params_set_tstamp_type(m_pcm, p, SND_PCM_TSTAMP_TYPE_MONOTONIC) >= 0;
  if (const int code = m_calls->pcm_sw_params_set_avail_min(m_pcm, p, shape.period); code < 0) {
    return failed("avail_min", code);
  }
  if (const int code = m_calls->pcm_sw_params(m_pcm, p); code < 0) return failed("sw_params", code);
  if (m_status == nullptr && m_calls->pcm_status_malloc(&m_status) < 0) return failed("status", -ENOMEM);
  m_longest_delay = shape.buffer + shape.sample_rate / 2;
  return {};
}

/// Some plug-ins of ALSA have several descriptors, and events that mean something else than they say.
result<void> alsa_device::watch() {
  const int count = m_calls->pcm_poll_descriptors_count(m_pcm);
  if (count <= 0) return {};
  m_watched.resize(static_cast<size_t>(count));
  const int filled = m_calls->pcm_poll_descriptors(m_pcm, m_watched.data(), static_cast<unsigned>(count));
  if (filled < 0) return failed("poll descriptors", filled);
  m_watched.resize(static_cast<size_t>(filled));
  if (filled == 1 && (m_watched[0].events & POLLIN) != 0) {
    m_poll_descriptor = m_watched[0].fd;
    return {};
  }
  m_epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (m_epoll < 0) return failed("epoll", -errno);
  for (const pollfd& watched : m_watched) {
    epoll_event event{};
    event.events = static_cast<uint32_t>(watched.events);
    if (::epoll_ctl(m_epoll, EPOLL_CTL_ADD, watched.fd, &event) < 0) return failed("epoll", -errno);
  }
  m_poll_descriptor = m_epoll;
  return {};
}

void alsa_device::close() noexcept {
  if (m_epoll >= 0) ::close(m_epoll);
  m_epoll = m_poll_descriptor = -1;
  m_watched.clear();
  if (m_status != nullptr) m_calls->pcm_status_free(m_status);
  m_status = nullptr;
  if (m_pcm != nullptr) m_calls->pcm_close(m_pcm);
  m_pcm = nullptr;
}

result<void> alsa_device::start() {
  // A device that was never started refuses the drop, which is no harm.
  m_calls->pcm_drop(m_pcm);
  if (const int code = m_calls->pcm_prepare(m_pcm); code < 0) return failed("prepare", code);
  if (const int code = m_calls->pcm_start(m_pcm); code < 0) return failed("start", code);
  return {};
}

resume_outcome alsa_device::resume() noexcept {
  const int code = m_calls->pcm_resume(m_pcm);
  if (code == -EAGAIN) return resume_outcome::asleep;
  return code < 0 ? resume_outcome::impossible : resume_outcome::resumed;
}

result<sound_look> alsa_device::look() {
  // Where ALSA converts, this alone moves samples from the card to where they can be read.
  const snd_pcm_sframes_t updated = m_calls->pcm_avail_update(m_pcm);
  if (const int code = m_calls->pcm_status(m_pcm, m_status); code < 0) {
    if (code == -EPIPE) return sound_look{device_state::overrun, 0, 0, {}, false};
    if (code == -ESTRPIPE) return sound_look{device_state::suspended, 0, 0, {}, false};
    return failed("status", code);
  }
  sound_look out;
  out.state = state_of(m_calls->pcm_status_get_state(m_status));
  const snd_pcm_uframes_t available = std::max(m_calls->pcm_status_get_avail(m_status),
                                               static_cast<snd_pcm_uframes_t>(std::max(updated, snd_pcm_sframes_t{0})));
  const snd_pcm_sframes_t delay = m_calls->pcm_status_get_delay(m_status);
  out.available = static_cast<uint32_t>(std::min<snd_pcm_uframes_t>(available, m_longest_delay));
  const auto behind = static_cast<uint32_t>(std::clamp<snd_pcm_sframes_t>(delay, 0, m_longest_delay));
  out.captured = std::max(out.available, behind);
  snd_htimestamp_t stamp{};
  m_calls->pcm_status_get_htstamp(m_status, &stamp);
  out.stamp = time_point(std::chrono::seconds(stamp.tv_sec)) + duration(stamp.tv_nsec / 1000);
  out.is_stamped = m_is_stamped && stamp.tv_sec > 0;
  return out;
}

result<uint32_t> alsa_device::read(void* into, uint32_t count) {
  const snd_pcm_sframes_t got = m_calls->pcm_readi(m_pcm, into, count);
  if (got >= 0) return static_cast<uint32_t>(got);
  const int code = static_cast<int>(got);
  if (is_state(code)) return 0;
  return failed("read", code);
}

void alsa_device::acknowledge() noexcept {
  if (m_watched.empty() || ::poll(m_watched.data(), m_watched.size(), 0) <= 0) return;
  unsigned short events = 0;
  m_calls->pcm_poll_descriptors_revents(m_pcm, m_watched.data(), static_cast<unsigned>(m_watched.size()), &events);
}

}  // namespace campush
