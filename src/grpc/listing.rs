//! List on the wire: the filter in, the page out.

use prost::Message;

use super::answer::{View, key_pair};
use super::pb;
use super::request::Faults;
use crate::error::{Reason, Result, Violation};
use crate::model::{EncryptionMode, Filter, FingerprintFilter, KeyPairState, Origin, PrivateKeyState, ProjectId};
use crate::service::command::List;
use crate::service::{Listing, Service};
use crate::sshkey::Algorithm;

/// The command that a request asks for, and how much of each pair it wants to see.
pub(super) fn command(mut request: pb::ListRequest) -> Result<(List, View)> {
    let mut faults = Faults::default();
    let project = faults.take(ProjectId::parse("project_id", &request.project_id));
    let view = match pb::KeyPairView::try_from(request.view) {
        Ok(pb::KeyPairView::Basic) => View::Basic,
        Ok(_) => View::Full,
        Err(_) => {
            faults.add(Violation::new("view", Reason::FilterInvalid, "must be BASIC or FULL"));
            View::Full
        }
    };
    if request.page_size < 0 {
        faults.add(Violation::new("page_size", Reason::PageSizeInvalid, "must not be negative"));
    }
    let page_size = match usize::try_from(request.page_size).unwrap_or_default() {
        0 => 50,
        size => size.min(1000),
    };
    let page_token = std::mem::take(&mut request.page_token);
    request.page_size = 0;
    if let Some(project) = &project {
        // "" and "default" are one query.
        project.as_str().clone_into(&mut request.project_id);
    }
    let digest = super::digest(&request);
    let filter = filter(&mut faults, request.filter.unwrap_or_default(), request.show_deleted);
    faults.done()?;
    let project = project.ok_or_else(|| crate::error::Error::internal("a checked part is missing"))?;
    Ok((List { project, filter, page_size, page_token, digest }, view))
}

/// The page, cut where it grows over its limit in bytes.
pub(super) fn response(service: &Service, command: &List, listing: Listing, view: View) -> pb::ListResponse {
    let mut page = pb::ListResponse::default();
    let (mut bytes, mut last, mut next) = (0, None, listing.next);
    for item in listing.items {
        match item {
            Err(id) => {
                page.unreadable_ids.push(id.to_string());
                last = Some(id);
            }
            Ok(pair) => {
                let shown = key_pair(&pair, view);
                bytes += shown.encoded_len() + FRAMING;
                if bytes > PAGE_BYTES && last.is_some() {
                    next = last;
                    break;
                }
                page.key_pairs.push(shown);
                last = Some(pair.id);
            }
        }
    }
    page.next_page_token = next.map_or_else(String::new, |last| service.page_token(command, last));
    page
}

fn filter(faults: &mut Faults, asked: pb::ListFilter, show_deleted: bool) -> Filter {
    let set = |text: String| (!text.is_empty()).then_some(text);
    let fingerprint = match asked.fingerprint.as_str() {
        "" => None,
        text => faults.take(fingerprint(text)),
    };
    Filter {
        name_prefix: asked.name_prefix,
        fingerprint,
        algorithm: chosen(faults, "filter.key_type", algorithm(asked.key_type)),
        provider: set(asked.provider),
        private_key_state: chosen(faults, "filter.private_key_state", private_key_state(asked.private_key_state)),
        labels: asked.labels,
        user_id: set(asked.user_id),
        state: chosen(faults, "filter.state", state(asked.state)),
        origin: chosen(faults, "filter.origin", origin(asked.origin)),
        encryption: chosen(faults, "filter.encryption_type", encryption(asked.encryption_type)),
        kms_key_name: set(asked.kms_key_name),
        show_deleted,
    }
}

/// `Ok(None)`: not set. `Err`: not one of the list.
type Chosen<T> = Result<Option<T>, ()>;

fn chosen<T>(faults: &mut Faults, field: &str, value: Chosen<T>) -> Option<T> {
    faults.take(value.map_err(|()| Violation::new(field, Reason::FilterInvalid, "is not one of the enum's values")))?
}

fn algorithm(value: i32) -> Chosen<Algorithm> {
    match pb::KeyType::try_from(value) {
        Ok(pb::KeyType::Unspecified) => Ok(None),
        Ok(pb::KeyType::Ed25519) => Ok(Some(Algorithm::Ed25519)),
        Ok(pb::KeyType::Ecdsa) => Ok(Some(Algorithm::Ecdsa)),
        Ok(pb::KeyType::Rsa) => Ok(Some(Algorithm::Rsa)),
        Ok(pb::KeyType::Dsa) => Ok(Some(Algorithm::Dsa)),
        Ok(pb::KeyType::SkEd25519) => Ok(Some(Algorithm::SkEd25519)),
        Ok(pb::KeyType::SkEcdsa) => Ok(Some(Algorithm::SkEcdsa)),
        Err(_) => Err(()),
    }
}

fn private_key_state(value: i32) -> Chosen<PrivateKeyState> {
    match pb::PrivateKeyState::try_from(value) {
        Ok(pb::PrivateKeyState::Unspecified) => Ok(None),
        Ok(pb::PrivateKeyState::None) => Ok(Some(PrivateKeyState::None)),
        Ok(pb::PrivateKeyState::Stored) => Ok(Some(PrivateKeyState::Stored)),
        Ok(pb::PrivateKeyState::Cleared) => Ok(Some(PrivateKeyState::Cleared)),
        Err(_) => Err(()),
    }
}

fn state(value: i32) -> Chosen<KeyPairState> {
    match pb::KeyPairState::try_from(value) {
        Ok(pb::KeyPairState::Unspecified) => Ok(None),
        Ok(pb::KeyPairState::Pending) => Ok(Some(KeyPairState::Pending)),
        Ok(pb::KeyPairState::Active) => Ok(Some(KeyPairState::Active)),
        Ok(pb::KeyPairState::Deleting) => Ok(Some(KeyPairState::Deleting)),
        Ok(pb::KeyPairState::Deleted) => Ok(Some(KeyPairState::Deleted)),
        Err(_) => Err(()),
    }
}

fn origin(value: i32) -> Chosen<Origin> {
    match pb::Origin::try_from(value) {
        Ok(pb::Origin::Unspecified) => Ok(None),
        Ok(pb::Origin::Generated) => Ok(Some(Origin::Generated)),
        Ok(pb::Origin::GeneratedByProvider) => Ok(Some(Origin::GeneratedByProvider)),
        Ok(pb::Origin::ImportedPublic) => Ok(Some(Origin::ImportedPublic)),
        Ok(pb::Origin::ImportedPrivate) => Ok(Some(Origin::ImportedPrivate)),
        Err(_) => Err(()),
    }
}

fn encryption(value: i32) -> Chosen<EncryptionMode> {
    match pb::EncryptionType::try_from(value) {
        Ok(pb::EncryptionType::Unspecified) => Ok(None),
        Ok(pb::EncryptionType::Default) => Ok(Some(EncryptionMode::Default)),
        Ok(pb::EncryptionType::Kms) => Ok(Some(EncryptionMode::Kms)),
        Err(_) => Err(()),
    }
}

/// `SHA256:` and base64, `MD5:` and hex pairs, each also without its prefix; base64 padding and hex case do not matter.
fn fingerprint(text: &str) -> Result<FingerprintFilter, Violation> {
    let sha256 = || {
        let text = text.strip_prefix("SHA256:").unwrap_or(text).trim_end_matches('=');
        let mut print = [0; 32];
        let decoded = <base64ct::Base64Unpadded as base64ct::Encoding>::decode(text, &mut print).ok()?;
        (decoded.len() == 32).then_some(FingerprintFilter::Sha256(print))
    };
    let md5 = || {
        let text = text.strip_prefix("MD5:").unwrap_or(text);
        let digits: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
        let mut print = [0; 16];
        if digits.len() != 32 {
            return None;
        }
        for (byte, pair) in print.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(FingerprintFilter::Md5(print))
    };
    sha256().or_else(md5).ok_or_else(|| {
        let message = "must be a SHA256 fingerprint (base64) or an MD5 fingerprint (16 hex pairs)";
        Violation::new("filter.fingerprint", Reason::FilterInvalid, message)
    })
}

/// A page ends here, so that clients with the usual limit of 4 MiB take it.
const PAGE_BYTES: usize = 512 * 1024;

/// Tag and length of a nested message.
const FRAMING: usize = 4;
