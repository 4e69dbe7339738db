#include "app/connection_watch.h"

#include <fmt/format.h>

#include "net/tls_refusal.h"

namespace campush {

std::unique_ptr<pending_operation> watched_resolver::resolve(const std::string& host, uint16_t port,
                                                             resolve_callback done) {
  const time_point asked = m_loop.now();
  return m_inner.resolve(host, port, [this, host, asked, done = std::move(done)](auto answer) {
    m_seen.insert_or_assign(host, seen{answer, m_loop.now() - asked});
    done(std::move(answer));
  });
}

const watched_resolver::seen* watched_resolver::find(const std::string& host) const {
  const auto found = m_seen.find(host);
  return found == m_seen.end() ? nullptr : &found->second;
}

std::unique_ptr<pending_operation> watched_network::connect(const endpoint& remote, const connect_options& options,
                                                            connect_callback done) {
  const std::string name = remote.to_string();
  m_seen[name] = {};
  return m_inner.connect(remote, options, [this, name, done = std::move(done)](auto answer) {
    if (answer) {
      m_seen[name].local = (*answer)->local();
    } else {
      m_seen[name].failure = error_name(answer.error().code);
    }
    done(std::move(answer));
  });
}

const watched_network::seen* watched_network::find(const endpoint& remote) const {
  const auto found = m_seen.find(remote.to_string());
  return found == m_seen.end() ? nullptr : &found->second;
}

std::string addresses_text(const std::vector<endpoint>& addresses) {
  std::string text;
  for (const endpoint& address : addresses) {
    const bool is_ipv6 = address.address_family == endpoint::family::ipv6;
    text += fmt::format("{}{} (IPv{})", text.empty() ? "" : ", ", address.address_text(), is_ipv6 ? 6 : 4);
  }
  return text;
}

std::string attempts_text(const connection_watch& watch, const std::string& host, uint16_t port) {
  const watched_resolver::seen* names = watch.names.find(host);
  if (names == nullptr || !names->answer) return "";
  std::string made, failed;
  for (endpoint address : *names->answer) {
    address.port = port;
    const watched_network::seen* attempt = watch.streams.find(address);
    if (attempt == nullptr) continue;
    if (attempt->local) {
      made = fmt::format("{} from {}", address.to_string(), attempt->local->to_string());
    } else {
      const std::string why = attempt->failure.empty() ? "no answer" : attempt->failure;
      failed += fmt::format("; not {}: {}", address.to_string(), why);
    }
  }
  return made.empty() && !failed.empty() ? failed.substr(2) : made + failed;
}

std::string certificate_text(const certificate_facts& facts, std::chrono::system_clock::time_point now) {
  using days = std::chrono::duration<int64_t, std::ratio<86400>>;
  const auto left = std::chrono::duration_cast<days>(facts.not_after - now).count();
  const std::string when = facts.not_after < now ? "over" : fmt::format("{} day{} left", left, left == 1 ? "" : "s");
  return fmt::format("{}, issued by {}, until {} ({})", facts.subject, facts.issuer, date_text(facts.not_after), when);
}

}  // namespace campush
