//! The program: reads the command line and hands over.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use keypairs::app::{self, Failure, command};
use keypairs::cli::{self, Cli, Command, Output, Serve};
use keypairs::config::{Config, Flags};
use keypairs::telemetry;

/// Why not the system's: see Cargo.toml.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::typed();
    let output = Output(cli.output);
    match cli.command {
        Command::Client(client) => told(on_runtime(cli::run(client, &cli.connection, output)), cli::Failure::exit_code),
        Command::Manual(manual) => told(cli::write_manual(manual), cli::Failure::exit_code),
        Command::Serve(serve) => told(serving(serve), Failure::code),
        Command::Config(config) => told(command::config(&config), Failure::code),
        Command::Keyring(keyring) => told(on_runtime(command::keyring(&keyring, output)), Failure::code),
        Command::Compromised(compromised) => told(app::compromised::compromised(&compromised), Failure::code),
        Command::Doctor(settings) => told(on_runtime(app::doctor::doctor(&settings, output)), Failure::code),
        Command::Store(store) => told(on_runtime(command::store(&store)), Failure::code),
    }
}

fn serving(serve: Serve) -> Result<(), Failure> {
    let flags = Flags {
        listen: serve.listen.map(|address| address.to_string()),
        data_dir: None,
        insecure: serve.insecure,
        insecure_no_auth: serve.insecure_no_auth,
    };
    let config: Config = command::load(&serve.settings, flags)?;
    telemetry::logs(&config.log.level, config.log.format).map_err(Failure::config)?;
    app::serve::serve(config)
}

/// The exit code; what went wrong goes to stderr.
fn told<F: std::fmt::Display>(done: Result<(), F>, code: impl Fn(&F) -> u8) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("keypairs: {failure}");
            ExitCode::from(code(&failure))
        }
    }
}

/// A command waits for one thing at a time: one thread is enough.
#[allow(clippy::expect_used)]
fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // Without threads, the timer and epoll the program can do nothing, not even say so in a better way.
    runtime.expect("the runtime does not start").block_on(work)
}
