//! The two audit points: before the first change or unseal, and before the answer.
//!
//! An audit that cannot write refuses (`AUDIT_UNAVAILABLE`) and nothing leaves. It holds names, never secrets.

use crate::error::{Error, Result};
use crate::model::ProjectId;

use super::call::Call;

/// What is done to what.
pub struct Action {
    /// The RPC's name.
    pub rpc: &'static str,
    /// The tenant.
    pub project: ProjectId,
    /// The pair's name or id, as the caller gave it.
    pub subject: String,
    /// Why, in the caller's words.
    pub reason: String,
}

impl Action {
    /// An action without a reason.
    pub fn new(rpc: &'static str, project: &ProjectId, subject: impl Into<String>) -> Self {
        Self { rpc, project: project.clone(), subject: subject.into(), reason: String::new() }
    }
}

/// Where it is written down.
pub trait Audit: Send + Sync {
    /// Before the first change or unseal.
    fn begin(&self, call: &Call, action: &Action) -> Result<()>;

    /// Before the answer.
    fn end(&self, call: &Call, action: &Action, failed: Option<&Error>) -> Result<()>;
}

/// Writes to the log, target `audit`: begins at debug, ends at info.
pub struct LogAudit;

impl Audit for LogAudit {
    fn begin(&self, call: &Call, action: &Action) -> Result<()> {
        tracing::debug!(target: "audit", call_id = %call.id, caller = %call.caller, rpc = action.rpc,
            project = %action.project, subject = %action.subject.escape_debug(), "begin");
        Ok(())
    }

    fn end(&self, call: &Call, action: &Action, failed: Option<&Error>) -> Result<()> {
        tracing::info!(target: "audit", call_id = %call.id, caller = %call.caller, rpc = action.rpc,
            project = %action.project, subject = %action.subject.escape_debug(),
            reason = %action.reason.escape_debug(),
            outcome = failed.map_or("OK", |error| error.reason.as_str()), "end");
        Ok(())
    }
}
