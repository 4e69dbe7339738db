#include "bench/push/report.h"

#include <fmt/format.h>

namespace campush::bench {

namespace {

/// Four digits that mean something, no exponent.
std::string number_text(double value) {
  const double size = value < 0 ? -value : value;
  return fmt::format("{:.{}f}", value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4);
}

const char* verdict(const figure& each) {
  if (!each.goal) return "";
  return each.value <= *each.goal ? "met" : "missed";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char each : text) {
    if (each == '"' || each == '\\') out += '\\';
    out += static_cast<unsigned char>(each) < ' ' ? ' ' : each;
  }
  return out + '"';
}

}  // namespace

std::string report::as_tables() const {
  std::string text = "| part | figure | measured | goal | |\n|---|---|--:|--:|---|\n";
  for (const figure& each : m_figures) {
    const std::string goal = each.goal ? "≤ " + number_text(*each.goal) + " " + each.unit : "";
    const std::string outcome = std::string(verdict(each)) + (each.goal && !each.note.empty() ? "; " : "") + each.note;
    text += fmt::format("| {} | {} | {} {} | {} | {} |\n", each.part, each.name, number_text(each.value), each.unit,
                        goal, outcome);
  }
  for (const std::string& failure : m_failures) text += "\nnot measured: " + failure + "\n";
  return text;
}

std::string report::as_json() const {
  std::string text = "{\"figures\":[";
  for (size_t i = 0; i < m_figures.size(); ++i) {
    const figure& each = m_figures[i];
    text += fmt::format("{}\n{{\"part\":{},\"name\":{},\"value\":{:.6g},\"unit\":{}", i == 0 ? "" : ",",
                        quoted(each.part), quoted(each.name), each.value, quoted(each.unit));
    if (each.goal) text += fmt::format(",\"goal\":{:.6g},\"met\":{}", *each.goal, each.value <= *each.goal);
    text += fmt::format(",\"note\":{}}}", quoted(each.note));
  }
  text += "],\n\"not_measured\":[";
  for (size_t i = 0; i < m_failures.size(); ++i) text += (i == 0 ? "" : ",") + quoted(m_failures[i]);
  return text + "]}\n";
}

}  // namespace campush::bench
