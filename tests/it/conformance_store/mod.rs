//! What every store must do: functions over `&dyn Store`, run for memory and for sled.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test that panics has failed

mod bed;
mod damage;
mod export;
mod rules;
mod scans;
mod sled_only;

pub use bed::tamper;

/// Runs each test on both engines.
macro_rules! both {
    ($($test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(&mut super::Bed::memory()).await;
            })*
        }
        mod sled {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(&mut super::Bed::sled()).await;
            })*
        }
    };
}
use both;
