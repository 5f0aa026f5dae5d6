//! How often a project may be wrong about a passphrase: ten times a minute.
//!
//! Only wrong ones count. The file is the caller's own, so nothing is kept from whoever guesses elsewhere; what is kept
//! is this service's time. Gone with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::model::ProjectId;

/// When each project was wrong, during the last minute. `None` stands for whoever names no project that could be.
#[derive(Default)]
pub(super) struct Guesses(Mutex<HashMap<Option<ProjectId>, Vec<Millis>>>);

impl Guesses {
    /// Refuses, with the time after which it is worth trying again, a project that was wrong too often.
    pub(super) fn check(&self, project: Option<&ProjectId>, now: Millis) -> Result<()> {
        match self.lock().get_mut(&project.cloned()) {
            Some(times) => room(times, now),
            None => Ok(()),
        }
    }

    /// Counts a wrong one. Refused as by `check` when others were wrong meanwhile, so that nobody hears of more wrong
    /// ones than the limit says.
    pub(super) fn count(&self, project: Option<&ProjectId>, now: Millis) -> Result<()> {
        let mut wrong = self.lock();
        if wrong.len() >= PROJECTS {
            wrong.retain(|_, times| times.iter().any(|&at| is_recent(at, now)));
        }
        if wrong.len() >= PROJECTS {
            // Whoever makes up so many projects is guessing. The oldest of theirs is not looked for.
            let message = "passphrases were wrong in too many projects within a minute: try again later";
            let wait = Duration::from_millis(WINDOW.unsigned_abs());
            return Err(Error::new(Reason::PassphraseRateLimited, message).with_retry_after(wait));
        }
        let times = wrong.entry(project.cloned()).or_default();
        room(times, now)?;
        times.push(now);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Option<ProjectId>, Vec<Millis>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether one more may be wrong; times that do not matter any more are forgotten.
fn room(times: &mut Vec<Millis>, now: Millis) -> Result<()> {
    times.retain(|&at| is_recent(at, now));
    match times.len() < LIMIT {
        true => Ok(()),
        false => Err(limited(times.iter().min().copied().unwrap_or(now), now)),
    }
}

/// The clock can jump back: what lies in the future is not of the last minute either.
fn is_recent(at: Millis, now: Millis) -> bool {
    (0..WINDOW).contains(&(now - at))
}

fn limited(oldest: Millis, now: Millis) -> Error {
    let wait = Duration::from_millis(u64::try_from(oldest + WINDOW - now).unwrap_or_default());
    let message = format!("{LIMIT} passphrases were wrong in this project within a minute: try again later");
    Error::new(Reason::PassphraseRateLimited, message).with_retry_after(wait)
}

const LIMIT: usize = 10;
/// Milliseconds.
const WINDOW: Millis = 60_000;
/// So many projects are kept apart; they take a few megabytes.
const PROJECTS: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(outcome: Result<()>) -> Option<Duration> {
        outcome.err().map(|error| {
            assert_eq!(error.reason, Reason::PassphraseRateLimited);
            error.retry_after.unwrap()
        })
    }

    #[test]
    fn the_eleventh_waits_until_the_first_is_a_minute_old() {
        let (guesses, project) = (Guesses::default(), ProjectId::parse("", "a").ok());
        for second in 0..10 {
            assert!(guesses.count(project.as_ref(), second * 1000).is_ok());
        }
        assert_eq!(refused(guesses.check(project.as_ref(), 10_000)), Some(Duration::from_secs(50)));
        assert!(guesses.check(None, 10_000).is_ok(), "another project");
        assert_eq!(refused(guesses.count(project.as_ref(), 59_999)), Some(Duration::from_millis(1)));
        assert!(guesses.count(project.as_ref(), 60_000).is_ok());
        assert_eq!(refused(guesses.check(project.as_ref(), 60_000)), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_clock_that_jumps_back_locks_nobody_out() {
        let guesses = Guesses::default();
        for _ in 0..10 {
            guesses.count(None, 1_000_000).unwrap();
        }
        assert!(guesses.check(None, 1_000_000).is_err());
        assert!(guesses.check(None, 900_000).is_ok());
    }

    #[test]
    fn made_up_projects_take_bounded_memory() {
        let guesses = Guesses::default();
        for number in 0..PROJECTS {
            guesses.count(ProjectId::parse("", &format!("p{number}")).ok().as_ref(), 0).unwrap();
        }
        let other = ProjectId::parse("", "other").ok();
        let told = guesses.count(other.as_ref(), 1000).unwrap_err();
        assert!(told.message.contains("too many projects"), "it was not wrong ten times: {}", told.message);
        assert_eq!(refused(Err(told)), Some(Duration::from_secs(60)));
        assert!(guesses.check(other.as_ref(), 1000).is_ok(), "its right passphrases are looked at");
        assert!(guesses.count(other.as_ref(), 60_000).is_ok(), "a minute later they are forgotten");
        assert_eq!(guesses.lock().len(), 1);
    }
}
