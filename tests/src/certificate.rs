//! Certificates of a test's own authority, made with OpenSSL's program.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An authority that clients can be told to trust.
#[derive(Debug)]
pub struct Authority {
    folder: TempDir,
}

/// A certificate for this machine, and its key.
#[derive(Clone, Debug)]
pub struct Pair {
    pub chain: String,
    pub key: String,
    /// As `openssl x509 -serial` prints it.
    pub serial: String,
}

impl Authority {
    pub fn new() -> Self {
        let authority = Self { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        let made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3"];
        let named = ["-subj", "/CN=A test's authority", "-keyout", "ca.key", "-out", "ca.pem"];
        authority.openssl(&[made.as_slice(), &named].concat());
        authority
    }

    /// What clients have to trust.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A new certificate for 127.0.0.1 with a new key of this kind, as `openssl genpkey` and its kin are told.
    pub fn issue(&self, kind: KeyKind) -> Pair {
        self.openssl(match kind {
            KeyKind::Pkcs8 => {
                &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "key.pem"]
            }
            KeyKind::Pkcs1 => &["genrsa", "-traditional", "-out", "key.pem", "2048"],
            KeyKind::Sec1 => &["ecparam", "-name", "prime256v1", "-genkey", "-out", "key.pem"],
        });
        self.issue_again()
    }

    /// Another certificate for the key of the last one.
    pub fn issue_again(&self) -> Pair {
        self.openssl(&["req", "-new", "-key", "key.pem", "-subj", "/CN=127.0.0.1", "-out", "csr.pem"]);
        fs::write(self.folder.path().join("names"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
            .expect("a temporary file can be written");
        let issuer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names"];
        self.openssl(&[["x509", "-req", "-in", "csr.pem"].as_slice(), &issuer, &["-out", "leaf.pem"]].concat());
        let read = |name: &str| fs::read_to_string(self.folder.path().join(name)).expect("OpenSSL wrote it");
        let serial = self.openssl(&["x509", "-in", "leaf.pem", "-noout", "-serial"]);
        Pair { chain: read("leaf.pem") + &read("ca.pem"), key: read("key.pem"), serial }
    }

    fn openssl(&self, words: &[&str]) -> String {
        let output = Command::new("openssl")
            .args(words)
            .current_dir(self.folder.path())
            .output()
            .expect("openssl can be started");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// How a private key is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    Pkcs8,
    Pkcs1,
    Sec1,
}

/// The serial number of the certificate that is shown at a port, as [`Pair::serial`]; an error if there is no
/// handshake, or if it is not one for 127.0.0.1 by the authority of `trusted`.
pub fn shown_at(port: u16, trusted: &Path) -> Result<String, String> {
    let script = "openssl s_client -connect 127.0.0.1:$PORT -CAfile \"$CA\" -verify_ip 127.0.0.1 -verify_return_error \
                  </dev/null 2>/dev/null | openssl x509 -noout -serial";
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-c", script])
        .env("PORT", port.to_string())
        .env("CA", trusted)
        .output()
        .expect("bash can be started");
    let said = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
    if output.status.success() { Ok(said[0].clone()) } else { Err(said.concat()) }
}

/// Whether whoever listens at `address` answers a TLS handshake with anything but a refusal.
pub fn is_tls(address: SocketAddr) -> bool {
    let output = Command::new("bash")
        .args([
            "-o",
            "pipefail",
            "-c",
            "openssl s_client -connect $ADDRESS </dev/null 2>/dev/null | grep -q 'BEGIN CERT'",
        ])
        .env("ADDRESS", address.to_string())
        .output()
        .expect("bash can be started");
    output.status.success()
}
