// A sound card for tests on machines that have none: a plug-in of ALSA (type fakecap) that captures a tone in real time, with a crystal that
// is as wrong as asked, and that fails on request. Loaded by the ALSA configuration alone:
//   pcm_type.fakecap { lib "/path/libasound_module_pcm_fakecap.so" }
//   pcm.mic { type fakecap control "/path/control" tone 440 ppm 200 rate 48000 channels 2 }
// The file `control` holds one word, looked at whenever ALSA asks for the position:
//   xrun (once, the file is removed), suspend (once, until `resume` stands there), unplug, stall, busy (as long as the file says so).

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>

namespace {

struct fake_card {
  snd_pcm_ioplug_t io{};
  std::string control;
  long tone = 440, ppm = 0, rate = 48'000, channels = 2;
  int timer = -1;
  double started_at = 0;
  snd_pcm_uframes_t boundary = 0;
};

fake_card& card_of(snd_pcm_ioplug_t* io) {
  return *static_cast<fake_card*>(io->private_data);
}

double now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

bool is_told(const fake_card& card, const char* word) {
  if (card.control.empty()) return false;
  FILE* const file = std::fopen(card.control.c_str(), "re");
  if (file == nullptr) return false;
  char text[16] = {};
  const size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  const size_t length = std::strlen(word);
  return size >= length && std::memcmp(text, word, length) == 0;
}

snd_pcm_uframes_t captured(const fake_card& card) {
  const double speed = 1 + static_cast<double>(card.ppm) * 1e-6;
  return static_cast<snd_pcm_uframes_t>((now() - card.started_at) * card.io.rate * speed);
}

int start(snd_pcm_ioplug_t* io) {
  fake_card& card = card_of(io);
  card.started_at = now();
  itimerspec every{};
  every.it_value.tv_nsec = every.it_interval.tv_nsec =
      std::max(1'000'000L, static_cast<long>(io->period_size * 1'000'000'000ull / io->rate / 2));
  if (every.it_value.tv_nsec >= 1'000'000'000L) every.it_value.tv_nsec = every.it_interval.tv_nsec = 100'000'000L;
  return timerfd_settime(card.timer, 0, &every, nullptr);
}

int stop(snd_pcm_ioplug_t* io) {
  const itimerspec never{};
  return timerfd_settime(card_of(io).timer, 0, &never, nullptr);
}

int resume(snd_pcm_ioplug_t* io) {
  return is_told(card_of(io), "suspend") ? -EAGAIN : -ENOSYS;
}

snd_pcm_sframes_t pointer(snd_pcm_ioplug_t* io) {
  fake_card& card = card_of(io);
  const auto still = static_cast<snd_pcm_sframes_t>(io->appl_ptr % card.boundary);
  if (is_told(card, "unplug")) {
    snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
    return still;
  }
  if (is_told(card, "suspend")) {
    snd_pcm_ioplug_set_state(io, SND_PCM_STATE_SUSPENDED);
    return still;
  }
  if (is_told(card, "xrun")) {
    unlink(card.control.c_str());
    return -EPIPE;
  }
  if (is_told(card, "stall")) return still;
  const snd_pcm_uframes_t position = captured(card);
  if (position > io->appl_ptr + io->buffer_size) return -EPIPE;
  return static_cast<snd_pcm_sframes_t>(position % card.boundary);
}

snd_pcm_sframes_t transfer(snd_pcm_ioplug_t* io, const snd_pcm_channel_area_t* areas, snd_pcm_uframes_t offset,
                           snd_pcm_uframes_t size) {
  // Who maps the buffer has the same samples transferred several times: the application's pointer alone says which they are.
  const fake_card& card = card_of(io);
  for (unsigned channel = 0; channel < io->channels; ++channel) {
    const snd_pcm_channel_area_t& area = areas[channel];
    for (snd_pcm_uframes_t i = 0; i < size; ++i) {
      const double turn = static_cast<double>(card.tone) * static_cast<double>(io->appl_ptr + i) / io->rate;
      const auto value = static_cast<int16_t>(8'000 * std::sin(2 * M_PI * (turn - std::floor(turn))));
      char* const place = static_cast<char*>(area.addr) + (area.first + area.step * (offset + i)) / 8;
      std::memcpy(place, &value, sizeof value);
    }
  }
  return static_cast<snd_pcm_sframes_t>(size);
}

int poll_revents(snd_pcm_ioplug_t* io, pollfd* watched, unsigned count, unsigned short* events) {
  fake_card& card = card_of(io);
  uint64_t ticks = 0;
  if (count > 0 && (watched[0].revents & POLLIN) != 0 && read(card.timer, &ticks, sizeof ticks) < 0) ticks = 0;
  *events = 0;
  if (is_told(card, "unplug")) *events = POLLERR;
  if (*events == 0 && !is_told(card, "stall") && captured(card) >= io->appl_ptr + io->period_size) *events = POLLIN;
  return 0;
}

int hw_params(snd_pcm_ioplug_t*, snd_pcm_hw_params_t*) {
  return 0;
}

int sw_params(snd_pcm_ioplug_t* io, snd_pcm_sw_params_t* params) {
  return snd_pcm_sw_params_get_boundary(params, &card_of(io).boundary);
}

int close_card(snd_pcm_ioplug_t* io) {
  fake_card* const card = &card_of(io);
  close(card->timer);
  delete card;
  return 0;
}

snd_pcm_ioplug_callback_t callbacks() {
  snd_pcm_ioplug_callback_t out{};
  out.start = start;
  out.stop = stop;
  out.resume = resume;
  out.pointer = pointer;
  out.transfer = transfer;
  out.poll_revents = poll_revents;
  out.hw_params = hw_params;
  out.sw_params = sw_params;
  out.close = close_card;
  return out;
}
const snd_pcm_ioplug_callback_t card_callbacks = callbacks();

void read_settings(snd_config_t* conf, fake_card& card) {
  snd_config_iterator_t place = nullptr, next = nullptr;
  snd_config_for_each(place, next, conf) {
    snd_config_t* const node = snd_config_iterator_entry(place);
    const char* id = nullptr;
    const char* text = nullptr;
    if (snd_config_get_id(node, &id) < 0) continue;
    const std::string name = id;
    if (name == "control" && snd_config_get_string(node, &text) >= 0) card.control = text;
    if (name == "tone") snd_config_get_integer(node, &card.tone);
    if (name == "ppm") snd_config_get_integer(node, &card.ppm);
    if (name == "rate") snd_config_get_integer(node, &card.rate);
    if (name == "channels") snd_config_get_integer(node, &card.channels);
  }
}

int offer(fake_card& card) {
  const unsigned access[] = {SND_PCM_ACCESS_RW_INTERLEAVED, SND_PCM_ACCESS_MMAP_INTERLEAVED};
  const unsigned formats[] = {SND_PCM_FORMAT_S16};
  const auto rate = static_cast<unsigned>(card.rate), channels = static_cast<unsigned>(card.channels);
  const unsigned frame = 2 * channels;
  int code = snd_pcm_ioplug_set_param_list(&card.io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);
  if (code >= 0) code = snd_pcm_ioplug_set_param_list(&card.io, SND_PCM_IOPLUG_HW_FORMAT, 1, formats);
  if (code >= 0) code = snd_pcm_ioplug_set_param_minmax(&card.io, SND_PCM_IOPLUG_HW_CHANNELS, channels, channels);
  if (code >= 0) code = snd_pcm_ioplug_set_param_minmax(&card.io, SND_PCM_IOPLUG_HW_RATE, rate, rate);
  if (code >= 0) {
    code = snd_pcm_ioplug_set_param_minmax(&card.io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, rate / 100 * frame,
                                           rate / 10 * frame);
  }
  if (code >= 0) code = snd_pcm_ioplug_set_param_minmax(&card.io, SND_PCM_IOPLUG_HW_PERIODS, 2, 64);
  return code;
}

}  // namespace

extern "C" {

SND_PCM_PLUGIN_DEFINE_FUNC(fakecap) {
  static_cast<void>(root);
  auto* const card = new fake_card;
  read_settings(conf, *card);
  int code = 0;
  if (is_told(*card, "unplug")) code = -ENODEV;
  if (is_told(*card, "busy")) code = -EBUSY;
  if (code == 0) card->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (code == 0 && card->timer < 0) code = -errno;
  if (code < 0) {
    delete card;
    return code;
  }
  card->io.version = SND_PCM_IOPLUG_VERSION;
  card->io.name = "a fake microphone";
  card->io.callback = &card_callbacks;
  card->io.private_data = card;
  card->io.poll_fd = card->timer;
  card->io.poll_events = POLLIN;
  card->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
  code = snd_pcm_ioplug_create(&card->io, name, stream, mode);
  if (code < 0) {
    close(card->timer);
    delete card;
    return code;
  }
  code = offer(*card);
  if (code < 0) {
    snd_pcm_ioplug_delete(&card->io);
    return code;
  }
  *pcmp = card->io.pcm;
  return 0;
}
SND_PCM_PLUGIN_SYMBOL(fakecap)

}  // extern "C"
