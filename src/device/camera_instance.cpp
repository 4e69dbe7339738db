#include "device/camera_instance.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>

namespace campush {

namespace {

void name_this_thread(const camera_config& camera, const stream_config& stream) {
  constexpr size_t longest_name = 15;  // The kernel's limit, without the zero byte.
  std::string name = "cam" + std::to_string(camera.camera_id) + "_" + stream.name;
  if (name.size() > longest_name) name.resize(longest_name);
  pthread_setname_np(pthread_self(), name.c_str());
}

}  // namespace

camera_instance::camera_instance(camera_config config, const clock& time, const source_factory& sources,
                                 stream_attachment attachment)
    : m_config(std::move(config)), m_time(time), m_attachment(std::move(attachment)) {
  for (const stream_config& stream : m_config.streams) {
    m_runners.push_back(std::make_unique<stream_runner>(m_config, stream, time, sources));
  }
}

camera_instance::~camera_instance() {
  stop();
}

void camera_instance::start(capture_drive drive, time_point first_open) {
  if (m_is_started) return;
  m_is_started = true;
  for (auto& runner : m_runners) {
    stream_capture& capture = runner->capture;
    capture.start_at(first_open);
    capture.attach(m_attachment.attach(m_config, capture.config(), capture.control()));
  }
  if (drive == capture_drive::stepped) return;
  for (auto& runner : m_runners) {
    try {
      runner->thread = std::thread([this, &runner = *runner] { run_thread(runner); });
    } catch (const std::system_error& refused) {
      runner->capture.give_up(error_from_errno(refused.code().value(), "capture thread"));
    }
  }
}

void camera_instance::request_stop() noexcept {
  for (auto& runner : m_runners) {
    runner->is_stopping.store(true);
    runner->capture.interrupt();
    runner->wake.raise();
  }
}

void camera_instance::stop() {
  if (!m_is_started) return;
  m_is_started = false;
  request_stop();
  for (auto& runner : m_runners) {
    if (runner->thread.joinable()) runner->thread.join();
    runner->capture.close();
    m_attachment.detach(m_config, runner->capture.config());
  }
}

time_point camera_instance::run_step() noexcept {
  time_point next = time_point::max();
  for (auto& runner : m_runners) next = std::min(next, runner->capture.run_step());
  return next;
}

void camera_instance::run_thread(stream_runner& runner) noexcept {
  name_this_thread(m_config, runner.capture.config());
  while (!runner.is_stopping.load()) {
    runner.step.begin(m_time.now());
    const time_point due = runner.capture.run_step();
    runner.step.end();
    runner.wake.wait_until(m_time, due, runner.capture.poll_descriptor());
  }
  runner.capture.drain();
}

duration camera_instance::longest_step(time_point now) const noexcept {
  duration longest{};
  for (const auto& runner : m_runners) longest = std::max(longest, runner->step.pending_for(now));
  return longest;
}

std::vector<camera_stream_status> camera_instance::status() const {
  std::vector<camera_stream_status> out;
  out.reserve(m_runners.size());
  for (const auto& runner : m_runners) out.push_back(runner->capture.status());
  return out;
}

}  // namespace campush
