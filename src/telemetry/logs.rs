//! The log: one line an event, JSON or for people, with times in RFC 3339, UTC.
//!
//! Promise: a panic is logged by its place only, because its message may hold what the code was working on.

use std::io::{IsTerminal, stderr};
use std::panic;

use tracing::Subscriber;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, layer::SubscriberExt};

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `Pretty` on a terminal, else `Json`.
    Auto,
    /// One JSON object: `timestamp`, `level`, `target`, `message` and the event's own fields.
    Json,
    /// For people; with colours on a terminal, unless NO_COLOR is set.
    Pretty,
}

/// Starts the log of the process on stderr, and logs panics there. `Err` says what is wrong with `level`, or that a
/// log was started before.
pub fn logs(level: &str, format: LogFormat) -> Result<(), String> {
    let format = match format {
        LogFormat::Auto if stderr().is_terminal() => LogFormat::Pretty,
        LogFormat::Auto => LogFormat::Json,
        said => said,
    };
    let subscriber = subscriber(level, format, stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())?;
    panic_hook();
    Ok(())
}

/// A log into any writer.
pub fn subscriber<W>(
    level: &str,
    format: LogFormat,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = filter(level)?;
    let layer: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Pretty => Box::new(fmt::layer().with_ansi(colours()).with_writer(writer).with_filter(filter)),
        LogFormat::Auto | LogFormat::Json => {
            Box::new(fmt::layer().json().flatten_event(true).with_ansi(false).with_writer(writer).with_filter(filter))
        }
    };
    Ok(tracing_subscriber::registry().with(layer))
}

/// Panics are logged by their place. The message is left out: it may hold a secret.
pub fn panic_hook() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
    }));
}

/// Whether `EnvFilter` reads it as it was meant: a level alone, or `TARGET=LEVEL`, separated by commas.
pub fn check_level(level: &str) -> Result<(), String> {
    filter(level).map(drop)
}

fn colours() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
}

fn filter(level: &str) -> Result<EnvFilter, String> {
    // EnvFilter takes a misspelt level for the name of a module, and then logs everything of that module: nothing.
    let words: Vec<&str> = level.split(',').map(str::trim).collect();
    let bare = words.iter().find(|word| !word.contains(['=', '[', ':']) && !is_level(word));
    if let Some(word) = bare {
        return Err(format!(
            "{word:?} is not a level; write off, error, warn, info, debug or trace, or TARGET=LEVEL, separated by commas"
        ));
    }
    EnvFilter::builder().parse(words.join(",")).map_err(|error| format!("is not a log filter: {error}"))
}

fn is_level(word: &str) -> bool {
    ["off", "error", "warn", "info", "debug", "trace"].iter().any(|level| word.eq_ignore_ascii_case(level))
}
