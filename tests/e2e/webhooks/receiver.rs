//! Somebody who is told by webhook, and who answers as the test wants.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use nixcast_tests::certificate::Pair;
use nixcast_tests::process::Process;
use nixcast_tests::server::free_port;
use nixcast_tests::wait;
use serde_json::Value;

/// Longest a message may take that is tried again with pauses of up to some seconds, on a busy machine.
pub(crate) const TOLD_WITHIN: Duration = Duration::from_secs(60);

/// What the next message is answered with.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16),
    /// 307 with this `Location`.
    Elsewhere(String),
    /// Nothing, ever.
    Silence,
}

/// A message as it came.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Method and path with query.
    pub(crate) request: String,
    /// Names in lowercase.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Told {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a message is JSON")
    }

    pub(crate) fn event(&self) -> String {
        self.json()["type"].as_str().unwrap_or_default().to_owned()
    }

    /// Checks the signature with another implementation than the server's: OpenSSL's.
    #[track_caller]
    pub(crate) fn assert_signed_with(&self, key: &[u8]) {
        let (id, time) = (self.header("webhook-id").unwrap(), self.header("webhook-timestamp").unwrap());
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &self.body].concat();
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let script = format!("openssl dgst -sha256 -mac HMAC -macopt hexkey:{hex} -binary | openssl base64 -A");
        let mut shell = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell can be started");
        shell.stdin.take().unwrap().write_all(&signed).unwrap();
        let output = shell.wait_with_output().unwrap();
        assert!(output.status.success(), "openssl: {output:?}");
        let expected = format!("v1,{}", String::from_utf8(output.stdout).unwrap());
        assert_eq!(self.header("webhook-signature"), Some(expected.as_str()));
    }

    fn read(stream: impl Read) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let request = first.trim_end().strip_suffix(" HTTP/1.1")?.to_owned();
        Some(Self { request, headers, body })
    }
}

/// Takes messages for as long as the test process lives; its threads hold nothing else.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    port: u16,
    answer: Arc<Mutex<Answer>>,
    told: Arc<Mutex<Vec<Told>>>,
}

impl Receiver {
    /// Takes messages with 200 until told otherwise.
    pub(crate) fn open() -> Self {
        Self::listen(TcpListener::bind(("127.0.0.1", 0)).unwrap())
    }

    /// As [`Self::open`], on a port that was chosen before.
    pub(crate) fn open_on(port: u16) -> Self {
        Self::listen(TcpListener::bind(("127.0.0.1", port)).unwrap())
    }

    fn listen(listener: TcpListener) -> Self {
        let port = listener.local_addr().unwrap().port();
        let receiver = Self { port, answer: Arc::new(Mutex::new(Answer::Status(200))), told: Arc::default() };
        let own = receiver.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let own = own.clone();
                thread::spawn(move || own.take(stream));
            }
        });
        receiver
    }

    fn take(&self, mut stream: TcpStream) {
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok();
        let Some(told) = Told::read(&stream) else { return };
        let answer = self.answer.lock().unwrap().clone();
        self.told.lock().unwrap().push(told);
        let head = match answer {
            Answer::Status(status) => format!("HTTP/1.1 {status} Told\r\n"),
            Answer::Elsewhere(location) => format!("HTTP/1.1 307 Elsewhere\r\nlocation: {location}\r\n"),
            Answer::Silence => {
                // Until the other side gives up.
                stream.set_read_timeout(None).ok();
                stream.read_exact(&mut [0]).ok();
                return;
            }
        };
        write!(stream, "{head}content-length: 2\r\nconnection: close\r\n\r\nok").ok();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// Waits until at least `count` messages came, tries that failed included.
    #[track_caller]
    pub(crate) fn wait_told(&self, count: usize) -> Vec<Told> {
        wait::until(&format!("{count} messages"), TOLD_WITHIN, || Some(self.told()).filter(|told| told.len() >= count))
    }
}

/// A real nginx that ends TLS in front of a [`Receiver`], and knows who came on which connection.
#[derive(Debug)]
pub(crate) struct TlsFront {
    port: u16,
    log: PathBuf,
    nginx: Process,
}

impl TlsFront {
    /// Shows `pair`; works in `folder`.
    #[track_caller]
    pub(crate) fn open(folder: &Path, pair: &Pair, receiver: &Receiver) -> Self {
        let (port, behind) = (free_port(), receiver.port);
        let file = |name: &str| folder.join(name);
        fs::write(file("chain.pem"), &pair.chain).unwrap();
        fs::write(file("key.pem"), &pair.key).unwrap();
        let config = format!(
            "daemon off; pid pid; user root; events {{}}
            http {{
              client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
              log_format connections '$connection $ssl_protocol $status';
              access_log connections.log connections;
              server {{
                listen 127.0.0.1:{port} ssl; ssl_certificate chain.pem; ssl_certificate_key key.pem;
                location / {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; }}
              }}
            }}"
        );
        fs::write(file("nginx.conf"), config).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-p").arg(folder).arg("-c").arg(file("nginx.conf")).args(["-e", "stderr"]);
        let nginx = Process::spawn("nginx", &mut command, &file("nginx.log"));
        let front = Self { port, log: file("connections.log"), nginx };
        wait::until("nginx to listen", TOLD_WITHIN, || {
            assert!(front.nginx.is_running(), "nginx ended:\n{}", front.nginx.log());
            TcpStream::connect(("127.0.0.1", port)).is_ok().then_some(())
        });
        front
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// The number of the connection on which each message came.
    pub(crate) fn connections(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines()
            .map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
                [connection, "TLSv1.3" | "TLSv1.2", "200"] => connection.to_owned(),
                _ => panic!("not a message that was taken over TLS: {line}"),
            })
            .collect()
    }
}

/// One connection over TLS, as OpenSSL serves it.
#[derive(Debug)]
pub(crate) struct TlsReceiver {
    port: u16,
    openssl: Child,
}

impl TlsReceiver {
    /// Takes messages with a certificate for 127.0.0.1 that `folder/authority.pem` vouches for: itself.
    pub(crate) fn open(folder: &Path) -> Self {
        let (certificate, key) = (folder.join("authority.pem"), folder.join("authority.key"));
        let made = Command::new("openssl")
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=receiver".split(' '))
            .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), certificate.as_os_str()])
            .output()
            .expect("openssl can be started");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let openssl = Command::new("openssl")
            .args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}")])
            .args(["-cert".as_ref(), certificate.as_os_str(), "-key".as_ref(), key.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl can be started");
        Self { port, openssl }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }

    /// Waits for one message and takes it.
    #[track_caller]
    pub(crate) fn wait_told(&mut self) -> Told {
        let output = self.openssl.stdout.take().expect("it was not waited for before");
        let (sender, told) = std::sync::mpsc::channel();
        thread::spawn(move || sender.send(Told::read(output)));
        let told = told.recv_timeout(TOLD_WITHIN).expect("a message over TLS").expect("a whole message");
        let stdin = self.openssl.stdin.as_mut().expect("it is piped");
        stdin.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").unwrap();
        told
    }
}

impl Drop for TlsReceiver {
    fn drop(&mut self) {
        self.openssl.kill().ok();
        self.openssl.wait().ok();
    }
}
