#include "app/url_probe.h"

#include <fmt/format.h>

#include <random>

#include "net/tls_refusal.h"
#include "rtmp/hevc_decision.h"
#include "rtmp/session_target.h"

namespace campush {

namespace {

/// A name server that is asked in vain costs the resolver 2 s (RES_OPTIONS of the lookup pool).
constexpr duration silent_name_service = std::chrono::milliseconds(1500);

struct phase_row {
  connect_phase phase;
  check_step step;
};
constexpr phase_row phases[] = {
    {connect_phase::resolve, check_step::dns},     {connect_phase::tcp, check_step::tcp},
    {connect_phase::tls, check_step::tls},         {connect_phase::handshake, check_step::handshake},
    {connect_phase::connect, check_step::connect}, {connect_phase::publish, check_step::publish},
};

std::string random_hex() {
  std::random_device source;
  std::string text;
  for (int i = 0; i < 4; ++i) text += fmt::format("{:08x}", source());
  return text;
}

std::string name_service_kind(const watched_resolver::seen* seen, disconnect_reason reason) {
  if (seen == nullptr) return "name_service_silent";
  if (seen->answer) return reason_name(reason);
  if (seen->answer.error().code == error_code::name_not_resolved) return "no_such_name";
  return seen->took >= silent_name_service ? "name_service_silent" : "name_service_failed";
}

/// What the answer to connect means for an H.265 stream.
std::string hevc_text(hevc_mode mode, const server_capabilities& answer) {
  if (mode == hevc_mode::h264_only) return "no H.265 is sent here (hevc_mode)";
  if (mode == hevc_mode::legacy12) return "H.265 goes as codec id 12, which no server announces";
  if (answer.takes_hevc) return "takes H.265";
  if (!answer.has_video_list) return "does not say whether it takes H.265";
  return mode == hevc_mode::enhanced ? "does not list H.265 and is sent it all the same (hevc_mode)"
                                     : "does not take H.265";
}

}  // namespace

url_probe::url_probe(event_loop& loop, publisher_factory& publishers, const connection_watch& watch,
                     probe_request request, std::function<void()> done)
    : m_loop(loop),
      m_publishers(publishers),
      m_watch(watch),
      m_request(std::move(request)),
      m_done(std::move(done)),
      m_address(expand_url(m_request.address, url_variables(m_request.session))),
      m_deadline(loop.make_timer([this] { give_up("no end within 30 s"); })),
      m_linger(loop.make_timer([this] { leave(); })),
      m_stop(loop.make_timer([this] { m_publisher->stop(leave_time); })) {
  m_report.camera_id = m_request.session.camera_id;
  m_report.stream_id = m_request.session.stream_id;
  m_report.stream_name = m_request.session.stream_name;
  m_report.destination = m_request.session.destination;
  m_report.order = m_request.order;
  m_report.url = m_address ? m_address->masked() : fmt::format("(address {} of the list)", m_request.order + 1);
}

void url_probe::start() {
  m_deadline->arm_after(longest);
  if (!m_address) return fail(check_step::dns, reason_name(disconnect_reason::bad_url), m_address.error().message);
  m_url = *m_address;
  m_clock = check_wall_clock(m_loop.time());
  judge_clock();
  const bool is_signed = m_request.session.sign.type != sign_type::none;
  if (is_signed && m_clock) {
    const auto made = sign_url(*m_address, m_request.session.sign, m_loop.time().wall_now(), random_hex());
    if (!made) return fail(check_step::publish, "sign", made.error().message);
    m_url = *made;
  }
  connect();
}

void url_probe::connect() {
  if (m_publisher) m_retired.push_back(std::move(m_publisher));
  auto target = make_target(m_request.session, *m_url, std::random_device{}());
  if (!target) return fail(check_step::tcp, "bind_failed", target.error().message);
  const bool asks = m_request.needs_hevc && plan_hevc(m_request.session.hevc, hevc_knowledge::silent).asks;
  target->enhanced = {asks, true};
  m_publisher = m_publishers.make(*target, *this);
  // A publisher reports what follows the first phase.
  open(check_step::dns);
  m_publisher->start();
}

bool url_probe::needs_clock() const noexcept {
  return (m_url->is_tls() && !m_request.session.tls.insecure) || m_request.session.sign.type != sign_type::none;
}

void url_probe::judge_clock() {
  step_report& clock = m_report.at(check_step::clock);
  clock.detail = m_clock ? date_text(m_loop.time().wall_now()) : m_clock.error().message;
  if (!needs_clock()) {
    clock.detail += m_clock ? "" : " (nothing here depends on it)";
    return;
  }
  clock.outcome = m_clock ? check_outcome::ok : check_outcome::skipped;
}

void url_probe::on_phase(connect_phase phase) {
  if (m_is_leaving) return;
  for (const phase_row& row : phases) {
    if (row.phase != phase) continue;
    const bool is_behind_tcp = row.step == check_step::tls || row.step == check_step::handshake;
    if (is_behind_tcp && !m_clock && needs_clock()) {
      close_open_step();
      fail(check_step::clock, reason_name(disconnect_reason::clock_wrong), m_clock.error().message);
      return leave();
    }
    return open(row.step);
  }
}

void url_probe::open(check_step step) {
  if (m_open == step) return;
  close_open_step();
  m_open = step;
  m_opened_at = m_loop.now();
}

void url_probe::close_open_step() {
  if (!m_open) return;
  step_report& report = m_report.at(*m_open);
  report.took = report.took.value_or(duration(0)) + (m_loop.now() - m_opened_at);
  report.outcome = check_outcome::ok;
  describe(*m_open);
  m_open.reset();
}

void url_probe::describe(check_step step) {
  step_report& report = m_report.at(step);
  switch (step) {
    case check_step::dns: return describe_dns(report);
    case check_step::tcp:
      report.detail = m_url->is_host_secret() ? "***" : attempts_text(m_watch, m_url->host(), m_url->port());
      return;
    case check_step::tls: return describe_tls(report);
    default: return;
  }
}

void url_probe::describe_dns(step_report& report) const {
  const watched_resolver::seen* seen = m_watch.names.find(m_url->host());
  if (seen == nullptr || !seen->answer) return;
  if (m_url->is_host_secret()) {
    report.detail = fmt::format("{} addresses", seen->answer->size());
    return;
  }
  report.detail = parse_endpoint(m_url->host(), 0) ? "an address, no name" : addresses_text(*seen->answer);
}

void url_probe::describe_tls(step_report& report) const {
  report.detail = m_publisher->security();
  const auto found = m_watch.certificates.find(fmt::format("{}:{}", m_url->host(), m_url->port()));
  if (found == m_watch.certificates.end() || m_url->is_host_secret()) return;
  report.detail +=
      fmt::format("{}{}", report.detail.empty() ? "" : "; ", certificate_text(found->second, m_loop.time().wall_now()));
}

void url_probe::on_server_answer(const server_capabilities& answer) {
  if (m_is_leaving) return;
  step_report& report = m_report.at(check_step::connect);
  report.detail = m_request.needs_hevc ? hevc_text(m_request.session.hevc, answer) : "";
  const auto add = [&report](bool is_so, std::string_view text) {
    if (is_so) report.detail += fmt::format("{}{}", report.detail.empty() ? "" : ", ", text);
  };
  add(answer.has_reconnect, "may ask for a move (ReconnectRequest)");
  add(answer.refuses_properties, "wants no Enhanced RTMP properties");
  const hevc_plan plan = plan_hevc(m_request.session.hevc, knowledge_of(answer));
  if (!m_request.needs_hevc || plan.form != hevc_form::refused) return;
  if (m_request.session.fallback.what != hevc_fallback::kind::none) return add(true, "so the fallback is pushed");
  // The phase after connect may have been reported already.
  if (m_open == check_step::publish) m_open.reset();
  close_open_step();
  fail(check_step::connect, reason_name(disconnect_reason::codec_refused), report.detail);
  leave();
}

void url_probe::on_ready_to_publish() {
  if (m_is_leaving) return;
  if (!m_request.publishes) {
    if (m_open == check_step::publish) m_open.reset();
    close_open_step();
    m_report.at(check_step::publish).detail = "left out (--no-publish)";
    return leave();
  }
  open(check_step::publish);
  m_publisher->publish();
}

void url_probe::on_published() {
  if (m_is_leaving) return;
  close_open_step();
  m_is_published = true;
  m_linger->arm_after(linger);
}

void url_probe::on_failed(disconnect_reason reason, std::string_view text) {
  if (m_is_done) return;
  if (m_is_leaving) return finish();
  if (reason == disconnect_reason::redirected && follow_redirect()) return;
  fail_open_step(reason, text);
  finish();
}

bool url_probe::follow_redirect() {
  if (m_redirect.empty() || m_redirects >= max_redirects) return false;
  const auto next = m_url->redirected(m_redirect);
  if (!next) return false;
  ++m_redirects;
  m_open.reset();
  m_url = *next;
  m_report.url += " -> " + next->masked();
  connect();
  return true;
}

void url_probe::fail_open_step(disconnect_reason reason, std::string_view text) {
  if (m_is_published) {
    return fail(check_step::publish, reason_name(reason), fmt::format("accepted, then ended: {}", text));
  }
  const check_step step =
      reason == disconnect_reason::clock_wrong ? check_step::clock : m_open.value_or(check_step::dns);
  const bool is_name = step == check_step::dns && reason == disconnect_reason::dns_failed;
  std::string kind =
      is_name ? name_service_kind(m_watch.names.find(m_url->host()), reason) : failure_kind(step, reason, text);
  std::string words(text);
  if (step == check_step::tcp && !m_url->is_host_secret()) {
    const std::string attempts = attempts_text(m_watch, m_url->host(), m_url->port());
    if (attempts.find("; ") != std::string::npos) words += " (" + attempts + ")";
  }
  close_open_step();
  fail(step, std::move(kind), std::move(words));
}

void url_probe::fail(check_step step, std::string kind, std::string text) {
  step_report& report = m_report.at(step);
  report.outcome = check_outcome::failed;
  report.detail = std::move(text);
  report.remedy = remedy_for(step, kind);
  report.kind = std::move(kind);
  m_open.reset();
  if (!m_publisher) finish();
}

void url_probe::give_up(std::string_view why) {
  if (m_is_done) return;
  if (!m_is_leaving && !m_is_published) {
    const check_step step = m_open.value_or(check_step::dns);
    close_open_step();
    fail(step, "time_is_up", std::string(why));
  }
  if (!m_is_done) leave();
}

/// Not from within the event that asks for it.
void url_probe::leave() {
  if (m_is_leaving) return;
  m_is_leaving = true;
  m_linger->cancel();
  m_stop->arm_after(duration(0));
}

void url_probe::explain_skipped() {
  bool is_over = false;
  for (step_report& step : m_report.steps) {
    const bool is_unexplained = step.outcome == check_outcome::skipped && step.detail.empty();
    if (is_unexplained && is_over) step.detail = "not reached";
    is_over = is_over || step.outcome == check_outcome::failed;
  }
  step_report& tls = m_report.at(check_step::tls);
  if (m_url && !m_url->is_tls()) tls.detail = fmt::format("not part of {}", scheme_name(m_url->scheme()));
}

void url_probe::finish() {
  if (m_is_done) return;
  m_is_done = true;
  m_deadline->cancel();
  m_linger->cancel();
  m_stop->cancel();
  explain_skipped();
  m_done();
}

}  // namespace campush
