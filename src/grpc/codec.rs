//! How messages become frames and frames messages: protobuf, with answers that fit the contract.
//!
//! Promise: a frame that is not a valid message is refused as INVALID_ARGUMENT with MESSAGE_MALFORMED (tonic's own
//! codec says INTERNAL without details), and a message with a secret is wiped as soon as it is encoded, or when its
//! decoding fails half-way, because such messages wipe themselves when dropped (`pb`).
//!
//! What cannot be wiped here: tonic hands out its frame buffers read-only (in) or takes them over (out), so the bytes
//! of a frame stay in the buffers of tonic, HTTP/2 and TLS until these are used again; and a message that repeats a
//! secret field may leave the first value where the buffer grew. The size limit of a frame is the server's setting,
//! not the codec's: clients take larger answers than the server takes requests.

use std::marker::PhantomData;

use prost::{DecodeError, Message};
use tonic::codec::{DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

use super::ERROR_DOMAIN;
use crate::error::Reason;

/// The codec that the generated client and server use: encodes `T`, decodes `U`.
pub struct Codec<T, U>(PhantomData<fn(T) -> U>);

impl<T, U> Default for Codec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> tonic::codec::Codec for Codec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProtoEncoder<T>;
    type Decoder = ProtoDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProtoEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProtoDecoder(PhantomData)
    }
}

/// Writes messages.
pub struct ProtoEncoder<T>(PhantomData<fn(T)>);

impl<T: Message> Encoder for ProtoEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, frame: &mut EncodeBuf<'_>) -> Result<(), Status> {
        // The buffer grows; running out of room is all that can fail.
        item.encode(frame).map_err(|e| Status::internal(e.to_string()))
    }
}

/// Reads messages.
pub struct ProtoDecoder<U>(PhantomData<fn() -> U>);

impl<U: Message + Default> Decoder for ProtoDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, frame: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::decode(frame).map(Some).map_err(|e| malformed(&e))
    }
}

/// A decode error names fields and wire types, never values: it may be told to the caller.
fn malformed(error: &DecodeError) -> Status {
    let reason = Reason::MessageMalformed.as_str();
    let message = format!("the message is not a valid protobuf message of this call: {error}");
    let violation = FieldViolation { reason: reason.to_owned(), ..FieldViolation::new("", message.as_str()) };
    let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, []);
    details.set_bad_request(vec![violation]);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_message_is_the_callers_fault() {
        let error = crate::grpc::pb::GetRequest::decode(&[0x0a, 0x05, b'x'][..]).unwrap_err();
        let status = malformed(&error);
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("MESSAGE_MALFORMED", "keypairs.v1"));
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!((violations[0].field.as_str(), violations[0].reason.as_str()), ("", "MESSAGE_MALFORMED"));
    }
}
