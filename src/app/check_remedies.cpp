#include <algorithm>
#include <iterator>

#include "app/check_report.h"

namespace campush {

namespace {

struct phrase_row {
  check_step step;
  std::string_view phrase;
  const char* kind;
};
/// Sentences whose reason alone says too little.
constexpr phrase_row phrases[] = {
    {check_step::tls, " expired on ", "expired"},
    {check_step::tls, "is not valid before", "not_yet_valid"},
    {check_step::tls, "server's certificate is for ", "name_mismatch"},
    {check_step::tls, "no CA certificates are installed", "no_cas"},
    {check_step::tls, "(unknown issuer)", "unknown_issuer"},
    {check_step::tls, "has a pinned key", "pin_mismatch"},
    {check_step::tls, "no TLS version is common", "version"},
    {check_step::tls, "does not speak TLS", "not_tls"},
    // Before the client certificate, which its sentence names as one cause of two.
    {check_step::tls, "shares no cipher or key type with us", "handshake_failure"},
    {check_step::tls, "wants a client certificate", "client_certificate"},
    {check_step::tls, "our certificate", "client_certificate"},
    {check_step::tls, "with TLS alert", "alert"},
    {check_step::tls, "closed", "closed_by_server"},
    {check_step::tls, "ca_file ", "files"},
    {check_step::tls, "ca_path ", "files"},
    {check_step::tls, "client: ", "files"},
    {check_step::tcp, "no interface ", "bind_failed"},
    {check_step::tcp, "no local address ", "bind_failed"},
    {check_step::tcp, "binding to an interface ", "bind_failed"},
    {check_step::tcp, "bind to ", "bind_failed"},
    {check_step::tcp, "and bind_address is one", "bind_failed"},
};

struct remedy_row {
  check_step step;
  std::string_view kind;  ///< empty: whatever else fails in this step
  std::string_view remedy;
};
constexpr remedy_row remedies[] = {
    {check_step::dns, "no_such_name",
     "Check the host name in the address. If it is right, the name server of this network does not know it: ask "
     "another one (/etc/resolv.conf)."},
    {check_step::dns, "name_service_failed",
     "The name server answered, but with an error of its own: try later, or another name server (/etc/resolv.conf)."},
    {check_step::dns, "name_service_silent",
     "No name server answered: check the cable or modem, the default route, and the name servers in "
     "/etc/resolv.conf; a firewall may block port 53."},
    {check_step::dns, "bad_url",
     "Check the file or the environment variable that this address is made of (campush urls)."},
    {check_step::dns, "", "Check the host name in the address and the name servers in /etc/resolv.conf."},
    {check_step::tcp, "connect_refused",
     "The host is there, but nothing listens on this port: check the port (rtmp 1935, rtmps 443), and that the "
     "server runs and lets this device in."},
    {check_step::tcp, "connect_timeout",
     "Nothing came back: the address is wrong, the server is off, or a firewall drops the packets. Check the port "
     "and what the network lets out."},
    {check_step::tcp, "unreachable",
     "No route leads there: check the link, the address of this device and its default route (ip route)."},
    {check_step::tcp, "bind_failed",
     "The connection cannot leave from where it is told to: check bind_address and bind_interface against this "
     "device (ip address), and whether the interface needs more rights (CAP_NET_RAW)."},
    {check_step::tcp, "", "Check the link, the address and port of the server, and firewalls on the way."},
    {check_step::clock, "",
     "Set the clock of this device (NTP, or date -u -s): certificates and "
     "signatures are judged by it. campush goes on by itself once it is set."},
    {check_step::tls, "expired",
     "The operator of the server has to renew its certificate. Check the clock of this device first."},
    {check_step::tls, "not_yet_valid",
     "Set the clock of this device (NTP). If it is right, the server's certificate was made for later."},
    {check_step::tls, "name_mismatch",
     "Use one of the names found in the address, or have the server's certificate made for this one."},
    {check_step::tls, "unknown_issuer",
     "If the server has a CA of its own, give that CA's certificate as tls.ca_file. Otherwise update the package "
     "ca-certificates, or have the server send its whole chain."},
    {check_step::tls, "no_cas", "Install the package ca-certificates, or give the CA as tls.ca_file."},
    {check_step::tls, "pin_mismatch",
     "The server has another key than the pinned one: ask its operator. If it was changed, put one of the pins "
     "found into tls.pin_sha256; if not, somebody is in between."},
    {check_step::tls, "version",
     "The server speaks another version of TLS: update it, or lower tls.min_version to 1.2 if it is 1.3 here."},
    {check_step::tls, "not_tls",
     "This port speaks no TLS: use the server's TLS port (mostly 443), or rtmp:// for this one."},
    {check_step::tls, "handshake_failure",
     "Server and device agree on no cipher or kind of key, or the server wants a client certificate: its "
     "operator's log says which. An old server may need an update."},
    {check_step::tls, "client_certificate",
     "The server wants to know this device by its certificate: check "
     "tls.client_cert and tls.client_key with its operator."},
    {check_step::tls, "alert", "The server refused the TLS handshake: its operator's log says more."},
    {check_step::tls, "closed_by_server",
     "The server hung up instead of speaking TLS: use its TLS port (mostly 443), or rtmp:// if it has none."},
    {check_step::tls, "connection_reset",
     "The server hung up instead of speaking TLS: use its TLS port (mostly 443), or rtmp:// if it has none."},
    {check_step::tls, "handshake_timeout",
     "The port is open but TLS is not answered: use the server's TLS port (mostly 443), or rtmp:// if it has none; "
     "else look for a proxy in between."},
    {check_step::tls, "files", "Check the files under tls: that they are there, readable for campush, and in PEM."},
    {check_step::tls, "", "The TLS handshake failed: the server's log says more."},
    {check_step::handshake, "handshake_timeout",
     "The port is open but does not speak RTMP: check the port and the scheme (rtmps:// for TLS); else the server "
     "is overloaded or a proxy is in between."},
    {check_step::handshake, "protocol_violation", "What answers on this port is not an RTMP server: check the port."},
    {check_step::handshake, "",
     "The server hung up before RTMP began: check the port and the "
     "scheme (rtmps:// for TLS), and that it lets this device in."},
    {check_step::connect, "denied",
     "The server refuses the application: check the part of the "
     "address before the stream key, and user and password."},
    {check_step::connect, "closed_by_server",
     "The server hung up without a word: most do so when they do not know the application (the part of the address "
     "before the stream key) or do not let this device in."},
    {check_step::connect, "connection_reset",
     "The server hung up without a word: most do so when they do not know the application (the part of the address "
     "before the stream key) or do not let this device in."},
    {check_step::connect, "handshake_timeout",
     "The server does not answer connect: it is overloaded or waits for something behind it; its log says more."},
    {check_step::connect, "codec_refused",
     "The server takes no H.265: set encoder.type to H264_*, or give the stream a fallback, or hevc_mode legacy12 "
     "if the server is of that kind."},
    {check_step::connect, "redirected",
     "The server sends this device from one address to the next: put "
     "the last one into the configuration, or tell its operator."},
    {check_step::connect, "protocol_violation",
     "The server does not keep to RTMP: its log or its vendor may say more."},
    {check_step::connect, "", "The server has a problem with this connection: its log says more."},
    {check_step::publish, "name_in_use",
     "Somebody publishes under this key already: probably the agent of this device, "
     "which runs; then all is well. Else a connection that the server has not given "
     "up yet (wait two minutes), or another device with the same key."},
    {check_step::publish, "denied",
     "The server refuses the stream key: check it, whether it has "
     "expired, and the signature or password that belongs to it."},
    {check_step::publish, "closed_by_server",
     "The server took publish and hung up: a wrong or expired stream key, a "
     "key in use, or a codec that it does not take; its log says which."},
    {check_step::publish, "connection_reset",
     "The server took publish and hung up: a wrong or expired stream key, a "
     "key in use, or a codec that it does not take; its log says which."},
    {check_step::publish, "handshake_timeout",
     "The server does not answer publish: it waits for something behind "
     "it (an authorisation hook, storage); its log says more."},
    {check_step::publish, "sign", "Check sign.key_file and what stands in the query of the address."},
    {check_step::publish, "", "The server has a problem with this stream: its log says more."},
};

}  // namespace

std::string failure_kind(check_step step, disconnect_reason reason, std::string_view text) {
  for (const phrase_row& row : phrases) {
    if (row.step == step && text.find(row.phrase) != std::string_view::npos) return row.kind;
  }
  return reason_name(reason);
}

std::string_view remedy_for(check_step step, std::string_view kind) noexcept {
  const auto* row = std::find_if(std::begin(remedies), std::end(remedies), [step, kind](const remedy_row& entry) {
    return entry.step == step && (entry.kind == kind || entry.kind.empty());
  });
  return row == std::end(remedies) ? "The log of the server may say more." : row->remedy;
}

}  // namespace campush
