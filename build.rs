//! Compiles proto/ with protox (no protoc needed) and emits the descriptor set that reflection serves. Nothing else.

use std::path::PathBuf;

use prost::Message;

/// Messages that carry a secret: no derived Debug; `src/grpc/pb.rs` wipes them on drop.
const SECRET_MESSAGES: [&str; 5] = [
    "keypairs.v1.CreateRequest",
    "keypairs.v1.CreateResponse",
    "keypairs.v1.ImportPrivateRequest",
    "keypairs.v1.ExportPrivateRequest",
    "keypairs.v1.ExportPrivateResponse",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);

    let storage = protox::compile(["storage/v1/record.proto"], ["proto"])?;
    tonic_prost_build::configure().btree_map(".").build_client(false).build_server(false).compile_fds(storage)?;

    let served = protox::compile(["keypairs/v1/key_pairs.proto", "keypairs/v1/errors.proto"], ["proto"])?;
    std::fs::write(out.join("keypairs.v1.protoset"), served.encode_to_vec())?;
    // Maps are ordered, so that one request has one encoding: the request digest of a request_id relies on it.
    tonic_prost_build::configure()
        .btree_map(".")
        .skip_debug(SECRET_MESSAGES)
        .codec_path("crate::grpc::codec::Codec")
        .compile_fds(served)?;

    let operator = protox::compile(["operator/v1/operator.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(operator)?;
    Ok(())
}
