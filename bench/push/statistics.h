#pragma once

#include <algorithm>
#include <vector>

namespace campush::bench {

/// The value below which `share` (0 … 1) of the values lie; a default value if there is none. Sorts its copy.
template <class Value>
Value quantile(std::vector<Value> values, double share) {
  if (values.empty()) return Value{};
  const auto index = static_cast<size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index), values.end());
  return values[index];
}
template <class Value>
Value median(std::vector<Value> values) {
  return quantile(std::move(values), 0.5);
}

}  // namespace campush::bench
