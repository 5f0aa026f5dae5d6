//! The one integration-test binary.

mod sshkey;
