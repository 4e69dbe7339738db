#include <fmt/format.h>

#include <ctime>

#include "net/tls_client.h"
#include "net/tls_refusal.h"

namespace campush {

namespace {

std::chrono::system_clock::time_point build_time() noexcept {
  constexpr int64_t built_at_s = CAMPUSH_BUILD_TIME_S;
  return std::chrono::system_clock::time_point(std::chrono::seconds(built_at_s));
}

}  // namespace

result<void> check_wall_clock(const clock& time) {
  const auto now = time.wall_now();
  if (now >= build_time()) return {};
  return fail(error_code::clock_wrong,
              fmt::format("the clock of this device says {}, before this program was built ({}): no certificate can be "
                          "judged until it is set",
                          date_text(now), date_text(build_time())));
}

}  // namespace campush
