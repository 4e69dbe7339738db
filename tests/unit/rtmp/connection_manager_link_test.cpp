#include <gtest/gtest.h>

#include <iterator>

#include "rtmp/connection_manager.h"
#include "unit/rtmp/retry_script.h"

namespace campush {
namespace {

using namespace std::chrono_literals;
using reason = disconnect_reason;

TEST(connection_manager_reasons, every_reason_is_planned_or_a_failure_of_its_kind) {
  const struct {
    reason why;
    double wait_s;  ///< with one URL, after a connection that was not stable
    bool uses_an_attempt;
    reason resting;
  } rows[] = {
      {reason::user_request, 0, false, reason::none},
      {reason::source_stalled, 0, false, reason::none},
      {reason::source_ended, 0, false, reason::none},
      {reason::session_age, 0, false, reason::none},
      {reason::link_changed, 0, false, reason::none},
      {reason::redirected, 0, false, reason::none},
      {reason::denied, 300, true, reason::denied},
      {reason::codec_refused, 300, true, reason::codec_refused},
      {reason::name_in_use, 3, false, reason::none},
      {reason::clock_wrong, 60, false, reason::none},
      {reason::dns_failed, 1, true, reason::none},
      {reason::connect_refused, 1, true, reason::none},
      {reason::connect_timeout, 1, true, reason::none},
      {reason::unreachable, 1, true, reason::none},
      {reason::tls_failed, 1, true, reason::none},
      {reason::handshake_timeout, 1, true, reason::none},
      {reason::closed_by_server, 1, true, reason::none},
      {reason::connection_reset, 1, true, reason::none},
      {reason::ack_stall, 1, true, reason::none},
      {reason::queue_critical, 1, true, reason::none},
      {reason::protocol_violation, 1, true, reason::none},
      {reason::server_error, 1, true, reason::none},
      {reason::bad_url, 1, true, reason::none},
      {reason::internal_error, 1, true, reason::none},
  };
  // failback, gave_up and not_started are no reasons of a single URL's connection; none is no reason.
  EXPECT_EQ(std::size(rows) + 4, static_cast<size_t>(reason::internal_error) + 1);
  for (const auto& row : rows) {
    retry_script cam(1, exact());
    cam.connect();
    cam.drop(row.why);
    EXPECT_EQ(cam.wait_s(), row.wait_s) << reason_name(row.why);
    EXPECT_EQ(cam.manager.resting_reason(), row.resting) << reason_name(row.why);
    cam.try_next();
    EXPECT_EQ(cam.manager.current_pass(), row.uses_an_attempt ? 2u : 1u) << reason_name(row.why);
  }
}

TEST(connection_manager_clock, waits_for_the_clock_without_using_a_pass) {
  retry_script cam(2, exact());
  cam.fail(reason::clock_wrong, 2);
  EXPECT_TRUE(cam.manager.is_clock_wrong());
  EXPECT_EQ(cam.wait_s(), 60);
  cam.fail(reason::clock_wrong, 40);
  EXPECT_EQ(cam.manager.current_pass(), 1u);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  cam.take_journal();
  cam.time.advance(10s);
  cam.manager.end_wait();
  EXPECT_EQ(cam.wait_s(), 0);
  cam.connect();
  EXPECT_EQ(cam.manager.current_url(), 0u);
  EXPECT_FALSE(cam.manager.is_clock_wrong());
}

TEST(connection_manager_clock, an_address_that_needs_no_clock_is_tried_at_once) {
  retry_script cam(2, exact());
  cam.fail(reason::clock_wrong);
  EXPECT_EQ(cam.wait_s(), 0);
  cam.connect();
  EXPECT_EQ(cam.take_journal(), "0:primary 0:backup1");
}

TEST(connection_manager_clock, where_another_address_merely_failed_passes_go_on) {
  retry_script cam(2, exact());
  cam.fail(reason::clock_wrong);
  cam.fail(reason::connect_refused);
  EXPECT_EQ(cam.wait_s(), 1);
  EXPECT_TRUE(cam.manager.is_clock_wrong()) << "a set clock ends this wait, too";
  cam.try_next();
  EXPECT_EQ(cam.manager.current_pass(), 2u);
  EXPECT_FALSE(cam.manager.is_clock_wrong()) << "no wait any more";
}

TEST(connection_manager_clock, holds_even_without_auto_reconnect) {
  retry_policy retry = exact();
  retry.auto_reconnect = false;
  retry_script cam(1, retry);
  cam.fail(reason::clock_wrong);
  EXPECT_TRUE(cam.manager.should_reconnect());
}

TEST(connection_manager_codec, refused_by_some_and_denied_by_others_is_denied) {
  retry_script cam(2, exact());
  cam.fail(reason::codec_refused);
  cam.fail(reason::denied);
  EXPECT_EQ(cam.manager.resting_reason(), reason::denied);
  EXPECT_EQ(cam.wait_s(), 300);
}

TEST(connection_manager_codec, a_server_that_takes_the_codec_is_found_at_once) {
  retry_script cam(2, exact());
  cam.fail(reason::codec_refused);
  EXPECT_EQ(cam.wait_s(), 0);
  EXPECT_EQ(cam.manager.current_url(), 1u);
}

TEST(connection_manager_path, a_new_path_ends_the_wait_and_begins_the_count_anew) {
  retry_script cam(2, exact());
  cam.fail(reason::unreachable, 9);
  EXPECT_EQ(cam.manager.current_pass(), 5u);
  cam.manager.on_disconnect(reason::unreachable);
  cam.manager.on_path_changed(true);
  EXPECT_EQ(cam.wait_s(), 0);
  EXPECT_EQ(cam.manager.current_pass(), 1u);
  EXPECT_EQ(cam.manager.current_url(), 0u);
  cam.fail(reason::unreachable, 2);
  EXPECT_EQ(cam.wait_s(), 1);
}

TEST(connection_manager_path, a_mere_change_ends_the_wait_and_keeps_the_count) {
  retry_script cam(1, exact());
  cam.fail(reason::unreachable, 4);
  EXPECT_EQ(cam.wait_s(), 8);
  cam.manager.on_path_changed(false);
  EXPECT_EQ(cam.wait_s(), 0);
  cam.fail(reason::unreachable);
  EXPECT_EQ(cam.manager.current_pass(), 5u);
  EXPECT_EQ(cam.wait_s(), 16);
}

TEST(connection_manager_path, a_mere_change_gives_a_session_that_gave_up_one_more_pass) {
  retry_script cam(2, exact());
  cam.fail(reason::unreachable, 20);
  ASSERT_EQ(cam.manager.resting_reason(), reason::gave_up);
  cam.take_journal();
  cam.manager.on_path_changed(false);
  EXPECT_EQ(cam.manager.resting_reason(), reason::none);
  cam.fail(reason::unreachable, 2);
  EXPECT_EQ(cam.manager.resting_reason(), reason::gave_up);
  EXPECT_EQ(cam.wait_s(), 900);
}

TEST(connection_manager_path, says_nothing_to_an_attempt_a_connection_or_one_that_gave_up_for_good) {
  retry_script attempting(1, exact());
  attempting.fail(reason::unreachable, 3);
  attempting.try_next();
  attempting.manager.on_path_changed(true);
  EXPECT_EQ(attempting.manager.current_pass(), 4u);
  attempting.manager.on_connected();
  attempting.manager.on_path_changed(true);
  EXPECT_EQ(attempting.manager.current_pass(), 4u);

  retry_policy once = exact();
  once.auto_reconnect = false;
  retry_script over(1, once);
  over.fail(reason::unreachable);
  over.manager.on_path_changed(true);
  EXPECT_FALSE(over.manager.should_reconnect());
}

TEST(connection_manager_move, keeps_the_url_and_is_stable_only_after_its_own_30_s) {
  retry_script cam(2, exact());
  cam.fail();
  cam.connect();
  cam.publish_for(31s);
  EXPECT_TRUE(cam.manager.is_stable());
  cam.manager.on_moved();
  EXPECT_FALSE(cam.manager.is_stable());
  EXPECT_EQ(cam.manager.current_url(), 1u);
  EXPECT_EQ(cam.manager.current_pass(), 1u);
  cam.publish_for(31s);
  EXPECT_TRUE(cam.manager.is_stable());
}

}  // namespace
}  // namespace campush
