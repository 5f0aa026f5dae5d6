//! The command line: what can be typed, and the commands that talk to a server.
//!
//! Promise: data goes to stdout, talk to stderr; a private key goes to a file of mode 0600, to a pipe, or, only when
//! told so, to a terminal. Exit codes: 0; 1 when something here failed after the call; 2 usage; 64 + gRPC code when the
//! call was refused; 130 when interrupted.
//!
//! This folder knows no server: `serve` and the operator commands are only typed here, `main.rs` hands them over.

#![forbid(unsafe_code)]

mod args;
mod client;
mod cloud_args;
mod cloud_commands;
mod commands;
mod failure;
mod input;
mod keyfile;
mod manual;
mod operator_args;
pub mod operator_client;
mod output;
mod requests;
mod transport_words;
mod values;

use clap::{Arg, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use args::ClientCommand;
pub use client::Connection;
pub use failure::{EXIT_INTERRUPTED, EXIT_LOCAL, EXIT_REFUSED, EXIT_USAGE, Failure};
pub use manual::{ManualCommand, write_manual};
pub use operator_args::{CompromisedCommand, ConfigCommand, KeyringCommand, Serve, Settings, StoreCommand};
pub use output::{Checkup, Output, OutputFormat};

/// Everything that can be typed.
#[derive(Debug, Parser)]
#[command(name = "keypairs", version, about, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How data is printed
    #[arg(short, long, global = true, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: OutputFormat,
    /// Where the server is. Only client commands look at it.
    #[command(flatten)]
    pub connection: Connection,
}

impl Cli {
    /// What was typed. Help, the version and what cannot be understood end the program.
    pub fn typed() -> Self {
        let matches = command().get_matches();
        Self::from_arg_matches(&matches).unwrap_or_else(|fault| fault.format(&mut command()).exit())
    }
}

/// The command line as it is shown: what a command does not look at is not in its help and its man page.
pub(crate) fn command() -> clap::Command {
    let all = Cli::command();
    let shared: Vec<Arg> = all.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    LOCAL_COMMANDS.iter().fold(all, |all, (name, looks_at)| {
        // A command that has an argument of that id does not get the one above it.
        let hidden = shared.iter().filter(|arg| !looks_at.contains(&arg.get_id().as_str()));
        let hidden: Vec<Arg> = hidden.map(|arg| arg.clone().hide(true)).collect();
        all.mut_subcommand(name, |command| command.args(hidden))
    })
}

/// The commands that talk to no server, and which of the shared arguments they look at.
const LOCAL_COMMANDS: [(&str, &[&str]); 8] = [
    ("serve", &[]),
    ("config", &[]),
    ("keyring", &["output"]),
    ("store", &[]),
    ("compromised", &[]),
    ("completions", &[]),
    ("man", &[]),
    ("protoset", &[]),
];

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server
    Serve(Serve),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Work on the keyring that protects private keys
    #[command(subcommand)]
    Keyring(KeyringCommand),
    /// Work on the store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Look whether settings, disk, and every cloud's clock, credentials and quota are well
    Doctor(Settings),
    /// Work on the table of compromised keys
    #[command(subcommand)]
    Compromised(CompromisedCommand),
    /// Commands that talk to a server.
    #[command(flatten)]
    Client(ClientCommand),
    /// Commands that print what is built in.
    #[command(flatten)]
    Manual(ManualCommand),
}

/// Runs a client command against the server that `connection` names, and tells on stderr what went wrong.
///
/// Errors: all that [`Failure`] has; the exit code is [`Failure::exit_code`].
pub async fn run(command: ClientCommand, connection: &Connection, output: Output) -> Result<(), Failure> {
    let session = commands::Session { client: client::Client::open(connection)?, output };
    session.run(command).await
}

/// The end of --help and of the man page.
const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 something here failed after the call, such as a file that could not be written; 2 wrong usage or \
configuration; 64 + the gRPC code: the server, or the way to it, refused (69 not found, 70 exists already, 78 not \
reached); 130 interrupted. Server and operator commands: 2, 65 damaged data, 70 stuck, 74 input or output.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    /// Operators read of --server and --token-file, which nothing looked at.
    #[test]
    fn what_talks_to_no_server_shows_no_flags_for_it() {
        let mut all = command();
        all.build();
        for top in all.get_subcommands().filter(|top| top.get_name() != "help") {
            let local = LOCAL_COMMANDS.iter().find(|(name, _)| *name == top.get_name());
            for command in std::iter::once(top).chain(top.get_subcommands()).filter(|one| one.get_name() != "help") {
                let shown =
                    |flag: &str| command.get_arguments().any(|arg| arg.get_long() == Some(flag) && !arg.is_hide_set());
                let name = format!("{} {}", top.get_name(), command.get_name());
                for flag in ["server", "ca", "cert", "key", "token-file", "timeout"] {
                    assert_eq!(shown(flag), local.is_none(), "{name}: --{flag}");
                }
                let prints = local.is_none_or(|(_, looks_at)| looks_at.contains(&"output"));
                assert_eq!(shown("output"), prints, "{name}: --output");
            }
        }
    }

    /// clap's own advice was to pass `--name` as the name of the pair.
    #[test]
    fn the_new_name_can_be_typed_as_the_contract_calls_it() {
        for words in
            [&["keypairs", "update", "web", "--name", "db"][..], &["keypairs", "undelete", "kp-1", "--name", "db"]]
        {
            let told = command().try_get_matches_from(words).map(|_| ()).map_err(|fault| fault.to_string());
            assert_eq!(told, Ok(()));
        }
    }
}
