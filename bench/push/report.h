#pragma once

#include <optional>
#include <string>
#include <vector>

namespace campush::bench {

/// One measured number, beside its goal if there is one (an upper bound).
struct figure {
  std::string part, name, unit;
  double value = 0;
  std::optional<double> goal;
  std::string note;
};

/// What was measured, for people (Markdown tables) and programs (JSON).
class report {
 public:
  void add(figure measured) { m_figures.push_back(std::move(measured)); }
  void add_failure(const std::string& part, const std::string& why) { m_failures.push_back(part + ": " + why); }
  bool has_failures() const noexcept { return !m_failures.empty(); }
  std::string as_tables() const;
  std::string as_json() const;

 private:
  std::vector<figure> m_figures;
  std::vector<std::string> m_failures;
};

}  // namespace campush::bench
