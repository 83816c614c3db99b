//! What stands for `tls` in a program without that feature: who wants some of it is told that there is none.
//!
//! Types that cannot be made have no values, so what would be done with them need not be written.
#![allow(missing_docs)] // as in `tls`

const NONE: &str = "this program was built without TLS";

pub(crate) fn failed(_: &ureq::Error) -> bool {
    false
}

pub mod server {
    use crate::auth::files::Watched;
    use crate::settings::{Settings, Tls};
    use std::io;

    /// Nothing.
    pub enum Config {}

    pub(crate) fn watch(_: &Tls, _: &Settings, _: &str) -> Result<Watched<Config>, String> {
        Err(format!("[ems.tls]: {}; ‘plain’ in [ems] serves tokens without it", super::NONE))
    }

    impl Config {
        pub fn fingerprint(&self) -> &str {
            match *self {}
        }
        pub(crate) async fn accept<S>(&self, _: S) -> io::Result<(S, Vec<String>)> {
            match *self {}
        }
    }
}

pub mod jwt {
    use crate::auth::Actor;
    use crate::settings::Jwt;

    /// Nothing.
    #[derive(Debug)]
    pub enum Keys {}

    impl Keys {
        pub(crate) fn load(_: &Jwt) -> Result<Keys, String> {
            Err(format!("[ems.jwt]: {}, and so without JSON web tokens", super::NONE))
        }
        pub fn verify(&self, _: &str, _: &Jwt, _: f64) -> Option<Actor> {
            match *self {}
        }
    }
}

pub mod client {
    use crate::client::{Builder, Tls};
    use crate::problem::Problem;
    use crate::settings::Callbacks;

    pub(crate) fn secure(_: Builder, _: &Tls) -> Result<Builder, String> {
        Err(format!("https: {}", super::NONE))
    }

    /// Nobody.
    #[derive(Clone, Debug, Default)]
    pub struct Trust(());

    impl Trust {
        pub(crate) fn of(settings: &Callbacks) -> Result<Trust, String> {
            if *settings == Callbacks::default() {
                return Ok(Trust(()));
            }
            Err(format!("[ems.callbacks]: {}", super::NONE))
        }
        pub(crate) fn proves_who_we_are(&self) -> bool {
            false
        }
        pub(crate) fn secure(&self, builder: Builder, https: bool, _: bool) -> Result<Builder, Problem> {
            if https {
                return Err(Problem::unprocessable(format!("https: {}; give a callback by http", super::NONE)));
            }
            Ok(builder)
        }
    }
}
