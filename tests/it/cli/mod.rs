//! The command line against a server whose answers are given: what is sent, what is printed, where keys end up.

mod calls;
mod keyfiles;
mod mock;
mod operator;
