//! What can be typed after `serve`, `config`, `keyring`, `store` and `compromised`. These are only words: `main.rs` acts on them.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Which settings and which data a command works on.
#[derive(Clone, Debug, Default, Args)]
pub struct Settings {
    /// Settings file (TOML)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where the data is [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// `serve`.
#[derive(Clone, Debug, Default, Args)]
pub struct Serve {
    /// Settings and data.
    #[command(flatten)]
    pub settings: Settings,
    /// Address of the gRPC port; port 0 picks one [default: 127.0.0.1:50051]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<SocketAddr>,
    /// Allow plaintext on an address that is not loopback
    #[arg(long)]
    pub insecure: bool,
    /// Allow callers on an address that is not loopback without proof of who they are
    #[arg(long)]
    pub insecure_no_auth: bool,
}

/// `config ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check the settings and tell all faults
    Check(Settings),
    /// Print the settings in force
    Print {
        /// Settings and data.
        #[command(flatten)]
        settings: Settings,
        /// Print "[redacted]" in place of secrets
        #[arg(long)]
        redacted: bool,
    },
}

/// `keyring ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyringCommand {
    /// Make the keyring
    Init(Settings),
    /// Show the keys and their versions
    Status(Settings),
    /// Make a new version of a key
    Rotate {
        /// The key [default: the key of encryption type DEFAULT]
        name: Option<String>,
        /// Settings and data.
        #[command(flatten)]
        settings: Settings,
    },
    /// Make a named key, such as kps/default
    Create {
        /// The key.
        name: String,
        /// Settings and data.
        #[command(flatten)]
        settings: Settings,
    },
}

/// `store ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum StoreCommand {
    /// Check every record; refused while a server holds the data
    Verify(Settings),
    /// Rewrite the store without what was removed from it; refused while a server holds the data
    Compact(Settings),
    /// Write a backup; works while a server holds the data
    Backup {
        /// The new backup file
        file: PathBuf,
        /// Settings and data.
        #[command(flatten)]
        settings: Settings,
    },
    /// Bring a backup back; refused while a server holds the data
    Restore {
        /// The backup file
        file: PathBuf,
        /// Settings and data.
        #[command(flatten)]
        settings: Settings,
    },
}

/// `compromised ...`.
#[derive(Clone, Debug, Subcommand)]
pub enum CompromisedCommand {
    /// Make the table that policy.compromised_keys_file names; no list is shipped
    ///
    /// A line of a list is a fingerprint of a public key (SHA256:..., as ssh-keygen -l prints it; 64 hexadecimal digits;
    /// MD5:...) or an OpenSSH public key.
    Build {
        /// The lists
        #[arg(required = true, value_name = "LIST")]
        lists: Vec<PathBuf>,
        /// The new table
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Take the place of a table that is there
        #[arg(long)]
        force: bool,
        /// Lines of 20 hexadecimal digits are those of Debian's openssh-blacklist
        #[arg(long)]
        debian: bool,
    },
}
