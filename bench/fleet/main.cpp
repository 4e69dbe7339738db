#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "fleet/fleet.h"

using namespace campush;

namespace {

struct manner {
  const char* name;
  void (*take)(fleet::plan& plan);
};

void take_none(fleet::plan& plan) {
  plan.retry.jitter = 0;
  plan.manners.reconnects_per_s = 0;
}
void take_defaults(fleet::plan&) {}
void take_splay(fleet::plan& plan) {
  plan.retry.failover_splay = std::chrono::seconds(30);
  plan.manners.start_splay = std::chrono::seconds(60);
}
void take_all(fleet::plan& plan) {
  take_splay(plan);
  plan.manners.reconnects_per_s = 2;
  plan.manners.reconnect_burst = 8;
}

constexpr manner manners[] = {
    {"none", take_none}, {"defaults", take_defaults}, {"splay", take_splay}, {"splay and limit", take_all}};
constexpr const char* sites[] = {"backup", "alone"};

void print_table(const char* site, const std::array<fleet::outcome, std::size(manners)>& outcomes) {
  fmt::print(
      "\n| {} | manners | peak at the primary, connects/s | peak at the backup, connects/s | attempts in all | "
      "99 % back after |\n|---|---|--:|--:|--:|--:|\n",
      site == sites[0] ? "with a backup" : "one server only");
  for (size_t part = 0; part < outcomes[0].stretches.size(); ++part) {
    for (size_t i = 0; i < outcomes.size(); ++i) {
      const fleet::stretch& row = outcomes[i].stretches[part];
      const std::string back =
          row.seconds_to_99 < 0 ? "not while it lasts" : fmt::format("{:.0f} s", row.seconds_to_99);
      fmt::print("| {} | {} | {} | {} | {} | {} |\n", row.name, manners[i].name, row.peak[0], row.peak[1], row.attempts,
                 back);
    }
  }
}

bool write_csv(const std::string& path, const std::array<fleet::outcome, std::size(manners)>& outcomes) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return false;
  fmt::print(file, "second");
  for (const manner& each : manners) fmt::print(file, ",{0}: primary,{0}: backup,{0}: publishing", each.name);
  fmt::print(file, "\n");
  for (size_t second = 0; second < outcomes[0].publishing.size(); ++second) {
    fmt::print(file, "{}", second);
    for (const fleet::outcome& each : outcomes) {
      fmt::print(file, ",{},{},{}", each.arrivals[0][second], each.arrivals[1][second], each.publishing[second]);
    }
    fmt::print(file, "\n");
  }
  return std::fclose(file) == 0;
}

}  // namespace

/// usage: fleet_bench FOLDER: prints the tables and writes FOLDER/fleet_backup.csv and FOLDER/fleet_alone.csv.
int main(int count, char** arguments) {
  if (count != 2) {
    fmt::print(stderr, "usage: fleet_bench FOLDER\n");
    return 2;
  }
  for (const char* site : sites) {
    std::array<fleet::outcome, std::size(manners)> outcomes;
    for (size_t i = 0; i < outcomes.size(); ++i) {
      fleet::plan plan;
      plan.has_backup = site == sites[0];
      if (!plan.has_backup) plan.returns_at = plan.dies_at + std::chrono::minutes(2);
      manners[i].take(plan);
      outcomes[i] = fleet::run(plan);
    }
    print_table(site, outcomes);
    const std::string path = fmt::format("{}/fleet_{}.csv", arguments[1], site);
    if (!write_csv(path, outcomes)) {
      fmt::print(stderr, "{}: cannot be written\n", path);
      return 1;
    }
  }
  return 0;
}
