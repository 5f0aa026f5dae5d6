//! What can be typed after the commands about clouds.

use clap::Args;

use super::args::{Change, Key, Tenant};
use super::values::placement;
use crate::grpc::pb::PlacementSpec;

/// `place`.
#[derive(Clone, Debug, Args)]
pub struct Place {
    #[command(flatten)]
    pub(super) key: Key,
    /// Where, and how
    #[arg(long = "placement", value_name = "PROVIDER[,FIELD=VALUE...]", value_parser = placement, required = true)]
    pub(super) placement: PlacementSpec,
    /// Check everything, change nothing
    #[arg(long)]
    pub(super) validate_only: bool,
    #[command(flatten)]
    pub(super) change: Change,
}

/// `withdraw`.
#[derive(Clone, Debug, Args)]
pub struct Withdraw {
    #[command(flatten)]
    pub(super) key: Key,
    /// From where: the configured name of the provider
    #[arg(long, value_name = "PROVIDER")]
    pub(super) provider: String,
    #[command(flatten)]
    pub(super) change: Change,
}

/// `inspect`.
#[derive(Clone, Debug, Args)]
pub struct Inspect {
    #[command(flatten)]
    pub(super) tenant: Tenant,
    /// The configured name of the provider
    pub(super) provider: String,
    /// Items a page, at most 1000 [default: as many as fit]
    #[arg(long, default_value_t = 1000, hide_default_value = true, allow_negative_numbers = true)]
    pub(super) page_size: i32,
    /// Begin after the page that gave this token, and show one page
    #[arg(long, value_name = "TOKEN")]
    pub(super) page_token: Option<String>,
}

/// `adopt`.
#[derive(Clone, Debug, Args)]
pub struct Adopt {
    #[command(flatten)]
    pub(super) tenant: Tenant,
    /// The configured name of the provider
    pub(super) provider: String,
    /// The cloud's id of the pair, as inspect tells it
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(super) remote_id: Option<String>,
    /// Every pair of the account that nobody here has
    #[arg(long)]
    pub(super) all: bool,
    /// Show what would be adopted, and what stands in the way; change nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// The name here [default: the remote name]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true, conflicts_with = "all")]
    pub(super) new_name: String,
    #[command(flatten)]
    pub(super) change: Change,
}
