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

use clap::{Parser, Subcommand};

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
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
