//! `sluice token`: makes a token of the EMS.
use anyhow::Context as _;
use sluice_mgmt::auth::{Role, tokens};
use std::path::PathBuf;
use std::process::ExitCode;

/// Makes a token for the EMS and prints it: this once, for the file keeps only its hash. An EMS that runs takes it at
/// once; a token ends when its entry is taken out of the file.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The file of tokens: `ems/tokens.toml` beside the `vnf.toml`, if that names no other. It is made if it is not there.
    file: PathBuf,
    /// Whom revisions and the audit log shall name.
    name: String,
    /// What the token allows.
    #[arg(long, value_enum, default_value_t = Allows::ReadOnly)]
    role: Allows,
}

/// The roles of the EMS.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Allows {
    /// To look at everything but secrets and the contents of packets.
    ReadOnly,
    /// To change functions, handlers and the state, and to look at packets.
    Operator,
    /// Everything.
    Admin,
}

pub(crate) fn main(args: Args) -> anyhow::Result<ExitCode> {
    let role = match args.role {
        Allows::ReadOnly => Role::ReadOnly,
        Allows::Operator => Role::Operator,
        Allows::Admin => Role::Admin,
    };
    println!("{}", tokens::add(&args.file, &args.name, role).with_context(|| args.file.display().to_string())?);
    Ok(ExitCode::SUCCESS)
}
