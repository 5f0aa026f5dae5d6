//! Why the program ends before its time, and with which exit code.

use std::fmt;
use std::process::ExitCode;

/// Why.
#[derive(Debug)]
pub enum Failure {
    /// Usage or configuration: 2.
    Config(String),
    /// Damaged or rolled-back data: 65.
    Damaged(String),
    /// The watchdog: something is stuck: 70.
    Stuck(String),
    /// Input or output: 74.
    Io(String),
}

impl Failure {
    /// Usage or configuration.
    pub fn config(message: impl Into<String>) -> Self {
        Self::Config(message.into())
    }

    /// Something is stuck.
    pub fn stuck(message: impl Into<String>) -> Self {
        Self::Stuck(message.into())
    }

    /// Input or output.
    pub fn io(what: &str, error: impl fmt::Display) -> Self {
        Self::Io(format!("{what}: {error}"))
    }

    /// As sysexits.h numbers them.
    pub fn code(&self) -> u8 {
        match self {
            Self::Config(_) => 2,
            Self::Damaged(_) => 65,
            Self::Stuck(_) => 70,
            Self::Io(_) => 74,
        }
    }
}

impl From<&Failure> for ExitCode {
    fn from(failure: &Failure) -> Self {
        Self::from(failure.code())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(message) | Self::Damaged(message) | Self::Stuck(message) | Self::Io(message) => {
                f.write_str(message)
            }
        }
    }
}
