//! What is built into the program and only needs printing: shell completions, man pages, the descriptor set.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use clap_complete::Shell;

use super::command as shown;
use super::failure::Failure;
use super::output::print;
use crate::grpc::pb::DESCRIPTORS;

/// Prints what is built in.
#[derive(Clone, Debug, Subcommand)]
pub enum ManualCommand {
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page, or write the pages of all commands to a directory
    Man {
        /// The directory
        dir: Option<PathBuf>,
    },
    /// Print the protobuf descriptor set of the service, as grpcurl -protoset and buf read it
    Protoset {
        /// Write it to this file
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Prints or writes what `command` asks for.
///
/// Errors: the directory, the file or stdout cannot be written.
pub fn write_manual(command: ManualCommand) -> Result<(), Failure> {
    match command {
        ManualCommand::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut shown(), "keypairs", &mut text);
            print(&text)
        }
        ManualCommand::Man { dir: None } => {
            let mut text = Vec::new();
            // A Vec takes everything.
            clap_mangen::Man::new(shown()).render(&mut text).map_err(|e| Failure::Local(e.to_string()))?;
            print(&text)
        }
        ManualCommand::Man { dir: Some(dir) } => fs::create_dir_all(&dir)
            .and_then(|()| clap_mangen::generate_to(shown(), &dir))
            .map_err(|e| Failure::Local(format!("{}: {e}", dir.display()))),
        ManualCommand::Protoset { out: Some(file) } if file != Path::new("-") => {
            fs::write(&file, DESCRIPTORS).map_err(|e| Failure::Local(format!("{}: {e}", file.display())))
        }
        ManualCommand::Protoset { .. } => print(DESCRIPTORS),
    }
}
