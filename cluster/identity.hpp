#pragma once
#include <string>

#include <boost/asio/ssl/context.hpp>

/// Who a member is: a certificate of the cluster's own authority, whose common name is the member's name.
namespace sluice::cluster {

struct IdentityFiles {
  std::string certificate{};  ///< PEM.
  std::string private_key{};  ///< PEM.
  std::string authority{};    ///< PEM: what the certificates of all members are signed with.
};

/// Name in a certificate file. Throws `std::runtime_error` with a sentence.
std::string member_name(const std::string& certificate_file);

/// TLS 1.3, both sides with a certificate of the authority. No tickets: a key of ours is the last thing that
/// should open what the keys travel in. Throws `std::runtime_error` with a sentence that names the file.
boost::asio::ssl::context make_peer_context(const IdentityFiles& files);

/// For a server that is no member: its certificate has to be of `authority`; ours is shown if there is one.
/// Throws `std::runtime_error` with a sentence that names the file.
boost::asio::ssl::context make_client_context(const IdentityFiles& files);

/// Of a connection whose handshake is done; empty when there is none.
std::string peer_name(SSL* ssl);

}  // namespace sluice::cluster
