//! Randomness that a test can repeat, and what was drawn from it.

use std::sync::Mutex;

use keypairs::cipher;
use keypairs::clock::Entropy;

/// The SHA-256 of a seed and a counter, block after block; every draw starts a new block.
pub(crate) struct Seeded {
    seed: &'static str,
    state: Mutex<(u64, Vec<Vec<u8>>)>,
}

impl Seeded {
    pub(crate) fn new(seed: &'static str) -> Self {
        Self { seed, state: Mutex::default() }
    }

    /// Every draw so far, in order; forgets them.
    pub(crate) fn drawn(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.state.lock().unwrap().1)
    }
}

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.state.lock().unwrap();
        for block in out.chunks_mut(32) {
            let hash = cipher::sha256(&[self.seed.as_bytes(), &state.0.to_be_bytes()]);
            block.copy_from_slice(&hash[..block.len()]);
            state.0 += 1;
        }
        state.1.push(out.to_vec());
    }
}
