//! Placements at clouds in memory: what a call does, what it takes back, and what the settler makes of the rest.

pub mod bed;
pub mod calls;
mod cloud;
mod matrix;
mod settling;
