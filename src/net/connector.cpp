#include "net/connector.h"

#include <algorithm>

namespace campush {

void address_book::remember(const std::string& host, const std::vector<endpoint>& addresses) {
  const auto known =
      std::find_if(m_entries.begin(), m_entries.end(), [&host](const entry& item) { return item.host == host; });
  if (known != m_entries.end()) {
    known->addresses = addresses;
    return;
  }
  if (m_entries.size() >= max_hosts) m_entries.erase(m_entries.begin());
  m_entries.push_back({host, addresses});
}

std::vector<endpoint> address_book::recall(const std::string& host, uint16_t port) const {
  for (const entry& item : m_entries) {
    if (item.host != host) continue;
    std::vector<endpoint> addresses = item.addresses;
    for (endpoint& address : addresses) address.port = port;
    return addresses;
  }
  return {};
}

}  // namespace campush
