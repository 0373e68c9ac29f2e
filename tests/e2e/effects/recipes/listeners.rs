//! Where the server listens. Whoever was connected stays: the watcher and the open page are on connections accepted
//! before, the publisher as well.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use nixcast_tests::certificate;
use nixcast_tests::connection::Connection;
use serde_json::{Value, json};

use super::{Recipe, one, require};
use crate::effects::stage::Stage;

pub(super) fn recipes() -> Vec<Recipe> {
    vec![
        Recipe::of(
            "http.port",
            |stage| one(stage.spare_ports[0]),
            |stage, value| {
                let ports = [&stage.base["http"]["port"], &json!(stage.spare_ports[0])].map(port);
                for port in ports {
                    let address = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port);
                    answers(address, page_answers(address), json!(port) == *value)?;
                }
                Ok(())
            },
        ),
        Recipe::of("http.address", addresses, |stage, value| {
            listens(value, stage.server.settings.http.port, page_answers)
        }),
        Recipe::of(
            "rtmp.port",
            |stage| one(stage.spare_ports[1]),
            |stage, value| {
                let ports = [&stage.base["rtmp"]["port"], &json!(stage.spare_ports[1])].map(port);
                for port in ports {
                    let address = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port);
                    answers(address, rtmp_answers(address), json!(port) == *value)?;
                }
                let log = stage.refusal(&stage.server.keys["guest"]);
                require(log.contains("somebody else is publishing"), || {
                    format!("the new port refuses otherwise:\n{log}")
                })
            },
        ),
        Recipe::of("rtmp.address", addresses, |stage, value| {
            listens(value, stage.server.settings.rtmp.port, rtmp_answers)
        }),
        Recipe::of(
            "rtmps.port",
            |stage| one(stage.spare_ports[1]),
            |stage, value| {
                for port in [port(&stage.base["rtmps"]["port"]), stage.spare_ports[1]] {
                    let address = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port);
                    answers(address, tls_answers(address), json!(port) == *value)?;
                }
                shows_its_certificate(stage, 0)
            },
        ),
        Recipe::of("rtmps.address", addresses, |stage, value| {
            listens(value, stage.server.settings.rtmps.port, tls_answers)
        }),
        Recipe::of(
            "rtmps.enable",
            |_| one(false),
            |stage, value| {
                let address = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), stage.server.settings.rtmps.port);
                answers(address, tls_answers(address), value == true)
            },
        ),
        // A pair is renewed in two steps, and in between the one before stays in force: so the certificate changes to
        // one of the same key, and the key to the same one in another file.
        Recipe::of(
            "rtmps.certificateFile",
            |stage| one(stage.certificates[1].0.as_str()),
            |stage, value| shows_its_certificate(stage, usize::from(value == &json!(stage.certificates[1].0))),
        ),
        Recipe::of(
            "rtmps.keyFile",
            |stage| one(stage.other_key_file.as_str()),
            |stage, _| {
                let (path, key) = (&stage.server.settings.rtmps.key_file, &stage.certificates[0]);
                require(path.is_some(), || "no key is declared".to_owned())?;
                shows_its_certificate(stage, 0).map_err(|reason| format!("{reason} ({})", key.0))
            },
        ),
    ]
}

/// Whether a TLS handshake succeeds there.
fn tls_answers(address: SocketAddr) -> bool {
    certificate::is_tls(address)
}

fn shows_its_certificate(stage: &Stage, place: usize) -> Result<(), String> {
    let shown = certificate::shown_at(stage.server.settings.rtmps.port, &stage.authority.file())?;
    let wanted = &stage.certificates[place].1;
    require(shown == *wanted, || format!("{shown} is shown instead of {wanted}"))
}

fn port(value: &Value) -> u16 {
    value.as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or_else(|| panic!("{value} is no port"))
}

/// From 127.0.0.1 to one beside it, to two that overlap with the one before, and back, which overlaps again.
fn addresses(_: &Stage) -> Vec<Value> {
    let mut addresses = vec![json!("127.0.0.2"), json!("0.0.0.0")];
    // Containers often have no IPv6.
    if TcpListener::bind("[::1]:0").is_ok() {
        addresses.push(json!("::"));
    }
    addresses
}

fn listens(value: &Value, port: u16, answer: fn(SocketAddr) -> bool) -> Result<(), String> {
    for client in ["127.0.0.1", "127.0.0.2", "::1"] {
        let is_wanted = value == client || value == "::" || (value == "0.0.0.0" && client != "::1");
        let address = SocketAddr::new(client.parse().map_err(|_| format!("{client} is no address"))?, port);
        answers(address, answer(address), is_wanted)?;
    }
    Ok(())
}

fn answers(address: SocketAddr, is_so: bool, is_wanted: bool) -> Result<(), String> {
    require(is_so == is_wanted, || format!("{address} answers: {is_so}, wanted: {is_wanted}"))
}

fn page_answers(address: SocketAddr) -> bool {
    Connection::to(address).get("/api/page").is_ok_and(|reply| reply.status == 200)
}

/// Whether the other side begins the RTMP handshake: its version byte, then its first packet.
fn rtmp_answers(address: SocketAddr) -> bool {
    let exchange = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&[&[3][..], &[0; 1536]].concat())?;
        let mut first = [0; 1537];
        stream.read_exact(&mut first)?;
        Ok(first[0] == 3)
    };
    exchange().unwrap_or(false)
}
