//! A fake VNF's EMS behind a real socket, and a client that says exactly what it is told to.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test file uses its part
use crate::fake::Rig;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;
use sluice_mgmt::auth::security::{Security, SetUp};
use sluice_mgmt::server::Server;
use sluice_mgmt::settings::Settings;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A folder that is gone when this is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("sluice-ems-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
    /// The folder of an EMS, inside.
    pub fn ems(&self) -> PathBuf {
        self.0.join("ems")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

pub fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// An EMS that listens.
pub struct Served {
    pub rig: Rig,
    pub security: Arc<Security>,
    pub first_token: Option<String>,
    pub server: Server,
}

pub fn settings(text: &str) -> Settings {
    let settings: Settings = toml::from_str(text).unwrap();
    if settings == Settings::default() || settings.listen == Settings::default().listen {
        return Settings { listen: ([127, 0, 0, 1], 0).into(), ..settings };
    }
    settings
}

impl Served {
    /// With the table `[ems]` that the text is.
    pub fn start(text: &str) -> Served {
        let (rig, settings) = (Rig::new(), settings(text));
        let SetUp { security, first_token } = Security::set_up(&settings, &rig.ems).unwrap();
        let server = Server::start(rig.ems.clone(), &settings, security.clone()).unwrap();
        Served { rig, security, first_token, server }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Sends a request on a connection of its own; `fields` are lines.
    pub fn ask(&self, method: &str, path: &str, fields: &[&str], body: &str) -> Said {
        ask(self.connect(), method, path, fields, body).unwrap()
    }

    /// The same with a token.
    pub fn with(&self, token: &str, method: &str, path: &str, body: &str) -> Said {
        self.ask(method, path, &[&format!("Authorization: Bearer {token}")], body)
    }

    /// The same through TLS.
    pub fn ask_tls(&self, config: ClientConfig, fields: &[&str], method: &str, path: &str) -> io::Result<Said> {
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConnection::new(Arc::new(config), name).unwrap();
        ask(StreamOwned::new(client, self.connect()), method, path, fields, "")
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Said {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Said {
    pub fn field(&self, name: &str) -> &str {
        let found = self.head.lines().filter_map(|l| l.split_once(": ")).find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map_or("", |(_, v)| v)
    }
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
    pub fn detail(&self) -> String {
        assert_eq!(self.field("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.json()["status"], self.status);
        self.json()["detail"].as_str().unwrap().into()
    }
}

pub fn ask(mut stream: impl Read + Write, method: &str, path: &str, fields: &[&str], body: &str) -> io::Result<Said> {
    let host = if fields.iter().any(|f| f.starts_with("Host:")) { "" } else { "Host: localhost\r\n" };
    let fields: String = fields.iter().map(|f| format!("{f}\r\n")).collect();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\n{host}{fields}Connection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes())?;
    hear(stream)
}

/// Reads an answer to the end of the connection.
pub fn hear(mut stream: impl Read) -> io::Result<Said> {
    let mut all = Vec::new();
    if let Err(e) = stream.read_to_end(&mut all)
        && all.is_empty()
    {
        return Err(e);
    }
    let text = String::from_utf8_lossy(&all).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Said { status, head: head.into(), body: body.into() })
}
