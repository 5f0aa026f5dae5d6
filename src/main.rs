//! The program: reads the command line and hands over.

use std::process::ExitCode;

use clap::Parser;
use keypairs::cli::{self, Cli, Command, Failure, Output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output(cli.output);
    let done = match cli.command {
        Command::Serve(_) | Command::Config(_) | Command::Keyring(_) | Command::Store(_) => {
            Err(Failure::Usage("not built yet".to_owned()))
        }
        Command::Client(command) => on_runtime(cli::run(command, &cli.connection, output)),
        Command::Manual(command) => cli::write_manual(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("keypairs: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

/// A client waits for one thing at a time: one thread is enough.
fn on_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::Local(format!("the runtime does not start: {e}")))?;
    runtime.block_on(work)
}
