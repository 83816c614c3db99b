//! Opens a control socket for other programs.
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use sluice_dataplane::args::{Args, FromArg, NameDb, Raw, TcpPort};
use sluice_dataplane::context::Context;
use sluice_dataplane::control::{Address, Options, Socket};
use sluice_dataplane::element::{Configure, Element};
use sluice_dataplane::env::{Env, SetUp};
use sluice_dataplane::handler::{HandlerError, Reply};
use sluice_dataplane::info::{Arg, Handler, Info, State};

/// Longest name that a Unix-domain socket may have, bytes (`sockaddr_un` of Linux).
const LONGEST_NAME: usize = 107;

/// Opens a control socket for other programs.
pub struct ControlSocket {
    address: Address,
    options: Options,
    socket: Option<Arc<Socket>>,
}

/// A TCP port, or with a `+` that one or the next that is free.
struct Port {
    number: u16,
    or_next: bool,
}

impl FromArg for Port {
    fn from_arg(text: &str, names: &NameDb) -> Result<Self, String> {
        let (number, or_next) = text.strip_suffix('+').map_or((text, false), |n| (n, true));
        match TcpPort::from_arg(number, names) {
            Ok(TcpPort(0)) if or_next => Err("port 0 has no next one".into()),
            port => port.map(|p| Port { number: p.0, or_next }),
        }
    }
    fn blank() -> Self {
        Port { number: 0, or_next: false }
    }
}

impl Configure for ControlSocket {
    const INFO: &'static Info = &Info {
        ports: "0/0",
        state: State::Single,
        args: &[
            Arg::required("TYPE", "tcp, unix, socket", "kind of socket"),
            Arg::required(
                "PORT, FILENAME, FD",
                "TCP port, file, number",
                "where it listens; port 0 lets the system choose, `PORT+` takes a later one if that is taken",
            ),
            Arg::keyword("READONLY", "boolean", "false", "handlers cannot be written"),
            Arg::keyword("VERBOSE", "boolean", "false", "says when connections come and go"),
            Arg::keyword("LOCALHOST", "boolean", "true", "TCP on 127.0.0.1 only; Click's default is false"),
            Arg::keyword("RETRIES", "number", "0", "tries again so often, once a second, if the address is taken"),
            Arg::keyword("RETRY_WARNINGS", "boolean", "true", "says so each time"),
        ],
        handlers: &[
            Handler::read("port", "TCP port that it listens on"),
            Handler::read("filename", "name of the Unix-domain socket"),
        ],
        doc: "Lets other programs read and write handlers, over Click's ControlSocket protocol 1.3. A socket that the next \
              configuration asks for too stays open, with its connections. Unlike Click's it listens on 127.0.0.1 alone if \
              nothing else is said. A Unix-domain socket that a dead process left behind is replaced. Type `socket` serves one \
              client: the socket that the process was started with as descriptor FD. The argument PROXY is refused.",
        example: "ControlSocket(tcp, 7777, READONLY true);",
        see: &["Script"],
        ..Info::new("ControlSocket", "control", "opens a control socket for other programs")
    };
    fn configure(args: &mut Args<'_>, env: &mut Env<'_>) -> Self {
        if let Err(why) = env.confinement().listeners() {
            args.error(why);
        }
        let kind: String = args.required("TYPE");
        let read_only = args.keyword("READONLY", false);
        let verbose = args.keyword("VERBOSE", false);
        let local = args.keyword("LOCALHOST", true);
        let retries = args.keyword("RETRIES", 0i32);
        let retry_warnings = args.keyword("RETRY_WARNINGS", true);
        if args.keyword_some::<Raw>("PROXY").is_some() {
            args.error_in("PROXY", "there are no proxies here");
        }
        let address = match &*kind.to_ascii_uppercase() {
            "TCP" => {
                let Port { number, or_next } = args.required("PORT");
                Address::Tcp { port: number, local, or_next }
            }
            "UNIX" => {
                let name: String = args.required("FILENAME");
                if name.len() > LONGEST_NAME {
                    args.error("filename too long");
                }
                Address::Unix(name)
            }
            "SOCKET" => Address::Descriptor(args.required("FD")),
            other => {
                if !other.is_empty() {
                    args.error(format!("unknown socket type ‘{other}’"));
                }
                args.rest_strings();
                Address::Unix(String::new())
            }
        };
        let name = format!("{} :: ControlSocket", env.name());
        let retries = u32::try_from(retries).unwrap_or(0);
        let options = Options { name, read_only, verbose, retries, retry_warnings };
        ControlSocket { address, options, socket: None }
    }
}

impl Element for ControlSocket {
    fn set_up(&mut self, cx: &mut SetUp<'_>) -> Result<(), String> {
        self.socket = Some(cx.control_socket(self.address.clone(), self.options.clone())?);
        Ok(())
    }
    fn read(&mut self, _cx: &mut Context<'_>, handler: &str, _parameter: &str) -> Reply {
        match (handler, &self.address) {
            ("port", Address::Tcp { .. }) => {
                let port = self.socket.as_ref().and_then(|s| s.port());
                Ok(port.map_or(String::new(), |p| format!("{p}")))
            }
            ("filename", Address::Unix(name)) => Ok(name.clone()),
            ("port" | "filename", _) => Ok(String::new()),
            _ => Err(HandlerError::NoHandler(handler.into())),
        }
    }
}
