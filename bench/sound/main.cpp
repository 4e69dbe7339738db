#include <cstdio>

#include "fakes/sound_card_day.h"

// Prints the table of docs/sound.md: a simulated day of sound cards that run fast, slow and true, with a reader that comes late.

namespace {

using campush::test::day_of_sound;
using campush::test::run_day_of_sound;
using campush::test::simulated_card_options;
using std::chrono::milliseconds;

simulated_card_options card(double drift_ppm) {
  simulated_card_options out;
  out.drift_ppm = drift_ppm;
  out.swing_ppm = 5;
  out.usual_lateness = milliseconds(3);
  out.late_in_a_thousand = 2;
  out.great_lateness = milliseconds(300);
  out.mistimed_in_a_thousand = 1;
  out.mistimed = milliseconds(30);
  return out;
}

}  // namespace

int main() {
  constexpr double drifts[] = {200, -200, 0};
  day_of_sound days[3];
  for (size_t i = 0; i < 3; ++i) days[i] = run_day_of_sound(card(drifts[i]), 7 + static_cast<uint32_t>(i));
  std::puts("| hour | +200 ppm: largest, measured | -200 ppm: largest, measured | 0 ppm: largest, measured |");
  std::puts("|---|---|---|---|");
  for (size_t hour = 0; hour < 24; ++hour) {
    std::printf("| %zu |", hour + 1);
    for (const day_of_sound& day : days) {
      std::printf(" %.2f ms, %d ppm |", day.hours[hour].largest_ms, day.hours[hour].drift_ppm);
    }
    std::puts("");
  }
  std::printf("| samples counted alone, at the end |");
  for (const day_of_sound& day : days) std::printf(" %.0f ms |", day.uncorrected_ms);
  std::puts("");
  bool is_good = true;
  for (const day_of_sound& day : days) {
    for (const auto& hour : day.hours) is_good = is_good && hour.largest_ms < 20;
  }
  std::puts(is_good ? "all below 20 ms" : "NOT all below 20 ms");
  return is_good ? 0 : 1;
}
