//! What rustls and tonic say of a connection that failed, as advice to the one who typed the command.

/// What to do about it, where the words are known.
pub(super) fn advice(said: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(word, _)| said.contains(word)).map(|(_, advice)| *advice)
}

/// Parts of messages of rustls 0.23 and h2 0.4, and what they mean here. The first that fits counts.
const ADVICE: [(&str, &str); 13] = [
    ("UnknownIssuer", UNTRUSTED),
    ("BadSignature", UNTRUSTED),
    ("CaUsedAsEndEntity", "the server shows a CA's own certificate: give it one for its name, signed by that CA"),
    ("not valid for name", "the server's certificate is for another name than the one in --server"),
    ("NotValidForName", "the server's certificate is for another name than the one in --server"),
    ("Expired", "the server's certificate has expired, or the clock of this machine is wrong"),
    ("NotValidYet", "the server's certificate is not valid yet, or the clock of this machine is wrong"),
    ("CertificateRequired", "the server wants a certificate: give --cert and --key"),
    ("fatal alert", "the server refused our certificate: does it trust the CA of --cert?"),
    ("InvalidContentType", "the server does not speak TLS at this address: is it http://?"),
    ("h2 protocol error", "the server does not speak gRPC in plaintext at this address: is it https://?"),
    ("stream closed", CLOSED),
    ("connection closed", CLOSED),
];

const UNTRUSTED: &str = "the server's certificate is not signed by a CA that is trusted here: give its CA with --ca";
const CLOSED: &str = "the server closed the connection: with https:// it may want a certificate (--cert, --key)";
