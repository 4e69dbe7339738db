#include "net/tls_refusal.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <ctime>
#include <iterator>
#include <string_view>

namespace campush {

namespace {

constexpr size_t max_name_bytes = 80, max_names = 8;
/// OpenSSL's error queue shows a received alert as this reason plus the alert's number.
constexpr int first_alert_reason = SSL_AD_REASON_OFFSET, last_alert_reason = SSL_AD_REASON_OFFSET + 255;

std::string printable(std::string_view text) {
  std::string safe(text.substr(0, max_name_bytes));
  std::replace_if(
      safe.begin(), safe.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  if (text.size() > max_name_bytes) safe += "...";
  return safe;
}

std::string text_of(const ASN1_STRING* string) {
  if (string == nullptr) return {};
  return printable(
      {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)), static_cast<size_t>(ASN1_STRING_length(string))});
}

std::string entry_of(const X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return {};
  return text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
}

/// 'R3 (Let's Encrypt)': the common name with the organisation, or what there is of them.
std::string who(const X509_NAME* name) {
  const std::string common = entry_of(name, NID_commonName);
  const std::string organisation = entry_of(name, NID_organizationName);
  if (common.empty() && organisation.empty()) return "somebody without a name";
  if (common.empty() || organisation.empty() || common == organisation) {
    return fmt::format("'{}'", common.empty() ? organisation : common);
  }
  return fmt::format("'{} ({})'", common, organisation);
}

std::string address_text(const ASN1_OCTET_STRING* bytes) {
  const int size = ASN1_STRING_length(bytes);
  char text[INET6_ADDRSTRLEN] = {};
  if (size != 4 && size != 16) return "a broken address";
  ::inet_ntop(size == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text, sizeof text);
  return text;
}

/// Host names and addresses that the certificate is for; its common name where it has no others, as the check itself does.
std::vector<std::string> names_of(X509* certificate) {
  std::vector<std::string> names;
  const general_names_ptr listed(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; listed && i < sk_GENERAL_NAME_num(listed.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(listed.get(), i);
    if (name->type == GEN_DNS) names.push_back(text_of(name->d.dNSName));
    if (name->type == GEN_IPADD) names.push_back(address_text(name->d.iPAddress));
  }
  if (!names.empty()) return names;
  const std::string common = entry_of(X509_get_subject_name(certificate), NID_commonName);
  if (!common.empty()) names.push_back(common);
  return names;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size() && i < max_names; ++i) text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > max_names) text += fmt::format(" and {} more", names.size() - max_names);
  return text;
}

std::string broken_down(const tm& when) {
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", when.tm_year + 1900, when.tm_mon + 1, when.tm_mday,
                     when.tm_hour, when.tm_min);
}

std::string certificate_date(const ASN1_TIME* when) {
  tm broken{};
  if (when == nullptr || ASN1_TIME_to_tm(when, &broken) != 1) return "a date that cannot be read";
  return broken_down(broken);
}

std::chrono::system_clock::time_point time_of(const ASN1_TIME* when) {
  tm broken{};
  if (when == nullptr || ASN1_TIME_to_tm(when, &broken) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&broken));
}

std::string which(const refused_certificate& refused) {
  if (refused.depth <= 0 || refused.certificate == nullptr) return "the server's certificate";
  return fmt::format("the certificate of {} in the server's chain", who(X509_get_subject_name(refused.certificate)));
}

std::string say_expired(const refused_certificate& refused) {
  return fmt::format("{} expired on {} (the clock of this device says {})", which(refused),
                     certificate_date(X509_get0_notAfter(refused.certificate)), date_text(refused.now));
}

std::string say_not_yet_valid(const refused_certificate& refused) {
  return fmt::format("{} is not valid before {}, and the clock of this device says {}", which(refused),
                     certificate_date(X509_get0_notBefore(refused.certificate)), date_text(refused.now));
}

std::string say_wrong_name(const refused_certificate& refused) {
  const auto names = names_of(refused.certificate);
  return fmt::format("the server's certificate is for {}, not for {}", names.empty() ? "no name" : list_of(names),
                     printable(refused.host));
}

std::string say_unknown_issuer(const refused_certificate& refused) {
  return fmt::format("{} was issued by {}, whom no trusted CA vouches for (unknown issuer)", which(refused),
                     who(X509_get_issuer_name(refused.certificate)));
}

std::string say_self_signed(const refused_certificate& refused) {
  return fmt::format("{} is signed by itself ({}) and not trusted here (unknown issuer)", which(refused),
                     who(X509_get_subject_name(refused.certificate)));
}

std::string say_unknown_root(const refused_certificate& refused) {
  return fmt::format("the server's chain ends at {}, which is not trusted here (unknown issuer)",
                     who(X509_get_subject_name(refused.certificate)));
}

struct verify_row {
  int code;
  std::string (*say)(const refused_certificate& refused);
};
constexpr verify_row verify_rows[] = {
    {X509_V_ERR_CERT_HAS_EXPIRED, say_expired},
    {X509_V_ERR_CERT_NOT_YET_VALID, say_not_yet_valid},
    {X509_V_ERR_HOSTNAME_MISMATCH, say_wrong_name},
    {X509_V_ERR_IP_ADDRESS_MISMATCH, say_wrong_name},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, say_unknown_issuer},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, say_unknown_issuer},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, say_unknown_issuer},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, say_self_signed},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, say_unknown_root},
};

struct text_row {
  int code;
  const char* text;
};

constexpr text_row verify_texts[] = {
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, "carries a signature that does not fit"},
    {X509_V_ERR_CERT_REVOKED, "was revoked"},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, "has too long a chain"},
    {X509_V_ERR_INVALID_CA, "may not sign others"},
    {X509_V_ERR_PATH_LENGTH_EXCEEDED, "has too long a chain below it"},
    {X509_V_ERR_INVALID_PURPOSE, "is not made for a server"},
    {X509_V_ERR_CERT_UNTRUSTED, "is not trusted for servers"},
    {X509_V_ERR_CERT_REJECTED, "is marked as rejected"},
    {X509_V_ERR_EE_KEY_TOO_SMALL, "has too short a key"},
    {X509_V_ERR_CA_KEY_TOO_SMALL, "has too short a key"},
    {X509_V_ERR_CA_MD_TOO_WEAK, "is signed with a hash that is too weak"},
};

constexpr text_row alert_texts[] = {
    {SSL_AD_HANDSHAKE_FAILURE, "it shares no cipher or key type with us, or wants a client certificate"},
    {SSL_AD_BAD_CERTIFICATE, "it does not like our certificate"},
    {SSL_AD_UNSUPPORTED_CERTIFICATE, "it does not support our certificate"},
    {SSL_AD_CERTIFICATE_REVOKED, "our certificate was revoked"},
    {SSL_AD_CERTIFICATE_EXPIRED, "our certificate has expired"},
    {SSL_AD_CERTIFICATE_UNKNOWN, "it does not accept our certificate"},
    {SSL_AD_ILLEGAL_PARAMETER, "it does not understand us"},
    {SSL_AD_UNKNOWN_CA, "it does not know the CA of our certificate"},
    {SSL_AD_ACCESS_DENIED, "it denies access to our certificate"},
    {SSL_AD_DECODE_ERROR, "it does not understand us"},
    {SSL_AD_DECRYPT_ERROR, "a signature or key does not fit"},
    {SSL_AD_INSUFFICIENT_SECURITY, "it wants stronger ciphers"},
    {SSL_AD_INTERNAL_ERROR, "it has a trouble of its own"},
    {SSL_AD_UNRECOGNIZED_NAME, "it does not serve the host name that we asked for"},
    {SSL_AD_CERTIFICATE_REQUIRED, "it wants a client certificate"},
    {SSL_AD_NO_APPLICATION_PROTOCOL, "it wants another application protocol"},
};

constexpr text_row reason_texts[] = {
    {SSL_R_WRONG_VERSION_NUMBER, "what answers on this port does not speak TLS"},
    {SSL_R_HTTP_REQUEST, "a plain HTTP request came instead of TLS"},
    {SSL_R_NO_SHARED_CIPHER, "no cipher is common to both sides"},
    {SSL_R_DH_KEY_TOO_SMALL, "the server's Diffie-Hellman key is too short"},
    {SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED, "the server lacks secure renegotiation (RFC 5746)"},
    {SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, "the client showed no certificate"},
};

constexpr int version_reasons[] = {SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_WRONG_SSL_VERSION,
                                   SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION};

template <size_t N>
const char* find_text(const text_row (&rows)[N], int code) noexcept {
  const auto found =
      std::find_if(std::begin(rows), std::end(rows), [code](const auto& row) { return row.code == code; });
  return found == std::end(rows) ? nullptr : found->text;
}

/// OpenSSL's list of names ends with TLS 1.2; its reasons ("tlsv13 alert certificate required") know the later ones.
std::string alert_name(unsigned long code, int alert) {
  const std::string_view name = SSL_alert_desc_string_long(alert);
  if (name != "unknown") return std::string(name);
  const char* reason = ERR_reason_error_string(code);
  const std::string_view words = reason != nullptr ? reason : name;
  constexpr std::string_view before = " alert ";
  const size_t at = words.find(before);
  return std::string(at == std::string_view::npos ? name : words.substr(at + before.size()));
}

}  // namespace

const char* tls_version_name(tls_version version) noexcept {
  return version == tls_version::v1_3 ? "TLSv1.3" : "TLSv1.2";
}

std::string date_text(std::chrono::system_clock::time_point when) {
  const time_t seconds = std::chrono::system_clock::to_time_t(when);
  tm broken{};
  ::gmtime_r(&seconds, &broken);
  return broken_down(broken);
}

certificate_facts describe_certificate(const X509& certificate) {
  return {who(X509_get_subject_name(&certificate)), who(X509_get_issuer_name(&certificate)),
          time_of(X509_get0_notBefore(&certificate)), time_of(X509_get0_notAfter(&certificate))};
}

std::string explain_refused_certificate(const refused_certificate& refused) {
  const auto row = std::find_if(std::begin(verify_rows), std::end(verify_rows),
                                [&](const auto& candidate) { return candidate.code == refused.verify_error; });
  if (row != std::end(verify_rows) && refused.certificate != nullptr) return row->say(refused);
  if (const char* text = find_text(verify_texts, refused.verify_error)) {
    return fmt::format("{} {}", which(refused), text);
  }
  return fmt::format("{} is refused: {}", which(refused), X509_verify_cert_error_string(refused.verify_error));
}

std::string explain_pin_mismatch(const std::vector<std::string>& pins_found) {
  return fmt::format("no certificate of the server has a pinned key (found pin_sha256 {})", list_of(pins_found));
}

std::string explain_tls_error(unsigned long code, tls_version min_version) {
  const int reason = ERR_GET_REASON(code);
  if (std::find(std::begin(version_reasons), std::end(version_reasons), reason) != std::end(version_reasons)) {
    return fmt::format("no TLS version is common to both sides: here {} is the lowest allowed",
                       tls_version_name(min_version));
  }
  if (reason >= first_alert_reason && reason <= last_alert_reason) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    const char* text = find_text(alert_texts, alert);
    return fmt::format("the server ended it with TLS alert {} ({}){}{}", alert, alert_name(code, alert),
                       text != nullptr ? ": " : "", text != nullptr ? text : "");
  }
  if (const char* text = find_text(reason_texts, reason)) return text;
  const char* reason_text = ERR_reason_error_string(code);
  return fmt::format("TLS: {}", reason_text != nullptr ? reason_text : "unknown error");
}

}  // namespace campush
