//! The generated types of `proto/`, and what the generator cannot give them: messages with a secret in them print no
//! field and wipe their secrets when dropped.
//!
//! Because of that wiping nothing can be moved out of such a message, neither by a pattern nor by `..Default::default()`:
//! take fields with `std::mem::take`, and build the message with all fields or field by field.

use std::fmt;

use zeroize::Zeroize;

#[allow(missing_docs, unreachable_pub, clippy::all, clippy::too_many_lines)]
mod keypairs_v1 {
    tonic::include_proto!("keypairs.v1");
}

pub use keypairs_v1::*;

/// The operator commands' own service, on a unix socket in the data directory.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::too_many_lines)]
pub mod operator {
    tonic::include_proto!("operator.v1");
}

/// The descriptor set of `keypairs.v1` with everything it imports: what reflection serves and `protoset` prints.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/keypairs.v1.protoset"));

/// The list here and `SECRET_MESSAGES` in build.rs are one list: a message missing here does not compile (no Debug),
/// one missing there does not either (two Debugs).
macro_rules! secret_messages {
    ($($message:ident { $($secret:ident),+ })+) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }

        impl Drop for $message {
            fn drop(&mut self) {
                $(self.$secret.zeroize();)+
            }
        }
    )+};
}

secret_messages! {
    CreateRequest { passphrase }
    CreateResponse { private_key }
    ImportPrivateRequest { private_key, passphrase }
    ExportPrivateRequest { passphrase }
    ExportPrivateResponse { private_key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let mut request = ImportPrivateRequest::default();
        request.private_key = "hunter2".into();
        request.passphrase = "hunter3".into();
        assert_eq!(format!("{request:?}"), "ImportPrivateRequest { .. }");
        let mut response = ExportPrivateResponse::default();
        response.private_key = "hunter2".into();
        assert_eq!(format!("{response:?}"), "ExportPrivateResponse { .. }");
    }

    #[test]
    fn descriptors_hold_the_service() {
        let pool = prost_reflect::DescriptorPool::decode(DESCRIPTORS).unwrap();
        assert_eq!(pool.get_service_by_name("keypairs.v1.KeyPairs").unwrap().methods().len(), 15);
        assert!(pool.get_enum_by_name("keypairs.v1.ErrorReason").is_some());
    }
}
