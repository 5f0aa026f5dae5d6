//! What was typed, as requests. Pure: files were read before, nothing is sent here.

use std::collections::BTreeMap;

use prost_types::FieldMask;

use super::args::{Clear, Create, Delete, Export, Get, ImportPrivate, ImportPublic, Key, List, Undelete, Update};
use super::cloud_args::{Adopt, Inspect, Place, Withdraw};
use crate::grpc::pb;
use crate::secret::SecretText;

/// Every request has a `oneof key` of its own.
macro_rules! key {
    ($request:ident, $name:expr, $id:expr) => {
        $id.map(pb::$request::Key::Id).or($name.map(pb::$request::Key::Name))
    };
}

impl Create {
    /// The request. `passphrase` shall encrypt the private key that comes back; empty: none.
    pub(super) fn into_request(self, passphrase: SecretText) -> pb::CreateRequest {
        let of = self.described;
        pb::CreateRequest {
            on_placement_failure: of.on_placement_failure.unwrap_or_default().into(),
            project_id: of.tenant.project_id,
            name: of.name,
            description: of.description,
            labels: labels(of.labels),
            user_id: of.user_id,
            key_type: self.key_type.unwrap_or_default().into(),
            bits: self.bits,
            encryption: self.protection.into_message(),
            placements: of.placements,
            private_key_format: self.format.format.unwrap_or_default().into(),
            passphrase: passphrase.into_exposed(),
            omit_private_key: self.omit_private_key,
            generated_by: self.generated_by,
            ensure: of.ensure,
            request_id: of.change.request_id,
            validate_only: of.validate_only,
        }
    }
}

impl ImportPublic {
    /// The request.
    pub(super) fn into_request(self, public_key: String) -> pb::ImportPublicRequest {
        let of = self.described;
        pb::ImportPublicRequest {
            on_placement_failure: of.on_placement_failure.unwrap_or_default().into(),
            project_id: of.tenant.project_id,
            name: of.name,
            description: of.description,
            labels: labels(of.labels),
            user_id: of.user_id,
            public_key,
            placements: of.placements,
            ensure: of.ensure,
            request_id: of.change.request_id,
            validate_only: of.validate_only,
        }
    }
}

impl ImportPrivate {
    /// The request. `passphrase` opens the key; empty: none.
    pub(super) fn into_request(self, private_key: SecretText, passphrase: SecretText) -> pb::ImportPrivateRequest {
        let of = self.described;
        pb::ImportPrivateRequest {
            on_placement_failure: of.on_placement_failure.unwrap_or_default().into(),
            project_id: of.tenant.project_id,
            name: of.name,
            description: of.description,
            labels: labels(of.labels),
            user_id: of.user_id,
            private_key: private_key.into_exposed(),
            passphrase: passphrase.into_exposed(),
            encryption: self.protection.into_message(),
            placements: of.placements,
            must_exist: self.must_exist,
            ensure: of.ensure,
            request_id: of.change.request_id,
            validate_only: of.validate_only,
        }
    }
}

impl Place {
    /// The request.
    pub(super) fn into_request(self) -> pb::PlaceRequest {
        let Key { tenant, name, id } = self.key;
        pb::PlaceRequest {
            project_id: tenant.project_id,
            key: key!(place_request, name, id),
            placement: Some(self.placement),
            request_id: self.change.request_id,
            validate_only: self.validate_only,
        }
    }
}

impl Withdraw {
    /// The request.
    pub(super) fn into_request(self) -> pb::WithdrawRequest {
        let Key { tenant, name, id } = self.key;
        pb::WithdrawRequest {
            project_id: tenant.project_id,
            key: key!(withdraw_request, name, id),
            provider: self.provider,
            request_id: self.change.request_id,
        }
    }
}

impl Inspect {
    /// The request.
    pub(super) fn into_request(self) -> pb::InspectRequest {
        let page_token = self.page_token.unwrap_or_default();
        let (project_id, page_size) = (self.tenant.project_id, self.page_size);
        pb::InspectRequest { project_id, provider: self.provider, page_size, page_token }
    }
}

impl Adopt {
    /// The request for one pair.
    pub(super) fn into_request(self) -> pb::AdoptRequest {
        pb::AdoptRequest {
            project_id: self.tenant.project_id,
            provider: self.provider,
            remote_id: self.remote_id.unwrap_or_default(),
            name: self.new_name,
            request_id: self.change.request_id,
            validate_only: self.dry_run,
        }
    }
}

impl Get {
    /// The request.
    pub(super) fn into_request(self) -> pb::GetRequest {
        let Key { tenant, name, id } = self.key;
        pb::GetRequest { project_id: tenant.project_id, key: key!(get_request, name, id) }
    }
}

impl List {
    /// The request for the first page.
    pub(super) fn into_request(self) -> pb::ListRequest {
        let of = self.filter;
        let filter = pb::ListFilter {
            name_prefix: of.name_prefix,
            fingerprint: of.fingerprint,
            key_type: of.key_type.unwrap_or_default().into(),
            provider: of.provider,
            private_key_state: of.private_key_state.unwrap_or_default().into(),
            labels: labels(of.labels),
            user_id: of.user_id,
            state: of.state.unwrap_or_default().into(),
            origin: of.origin.unwrap_or_default().into(),
            encryption_type: of.encryption.unwrap_or_default().into(),
            kms_key_name: of.kms_key_name,
        };
        pb::ListRequest {
            project_id: self.tenant.project_id,
            page_size: self.page_size,
            page_token: self.page_token,
            view: self.view.unwrap_or_default().into(),
            filter: (filter != pb::ListFilter::default()).then_some(filter),
            show_deleted: self.show_deleted || of.state == Some(pb::KeyPairState::Deleted),
        }
    }
}

impl Update {
    /// The request. The mask names what was typed, so that an empty value takes the old one away.
    pub(super) fn into_request(self) -> pb::UpdateRequest {
        let typed = [
            ("name", self.new_name.is_some()),
            ("description", self.description.is_some()),
            ("labels", self.no_labels || !self.labels.is_empty()),
            ("user_id", self.user_id.is_some()),
        ];
        let paths = typed.into_iter().filter(|(_, typed)| *typed).map(|(path, _)| path.to_owned()).collect();
        let Key { tenant, name, id } = self.key;
        pb::UpdateRequest {
            project_id: tenant.project_id,
            key: key!(update_request, name, id),
            key_pair: Some(pb::KeyPair {
                name: self.new_name.unwrap_or_default(),
                description: self.description.unwrap_or_default(),
                labels: labels(self.labels),
                user_id: self.user_id.unwrap_or_default(),
                ..Default::default()
            }),
            update_mask: Some(FieldMask { paths }),
            etag: self.etag.etag,
            request_id: self.change.request_id,
        }
    }
}

impl Delete {
    /// The request.
    pub(super) fn into_request(self) -> pb::DeleteRequest {
        let Key { tenant, name, id } = self.key;
        pb::DeleteRequest {
            project_id: tenant.project_id,
            key: key!(delete_request, name, id),
            etag: self.etag.etag,
            allow_missing: self.allow_missing,
            purge: self.purge,
            abandon_placements: self.abandon_placements,
            request_id: self.change.request_id,
            validate_only: self.validate_only,
        }
    }
}

impl Undelete {
    /// The request.
    pub(super) fn into_request(self) -> pb::UndeleteRequest {
        pb::UndeleteRequest {
            project_id: self.tenant.project_id,
            id: self.id.or(self.id_flag).unwrap_or_default(),
            name: self.new_name,
            request_id: self.change.request_id,
        }
    }
}

impl Export {
    /// The request. `passphrase` shall encrypt the private key that comes back; empty: none.
    pub(super) fn into_request(self, passphrase: SecretText) -> pb::ExportPrivateRequest {
        let Key { tenant, name, id } = self.key;
        pb::ExportPrivateRequest {
            project_id: tenant.project_id,
            key: key!(export_private_request, name, id),
            format: self.format.format.unwrap_or_default().into(),
            passphrase: passphrase.into_exposed(),
            reason: self.reason,
        }
    }
}

impl Clear {
    /// The request.
    pub(super) fn into_request(self) -> pb::ClearPrivateRequest {
        let Key { tenant, name, id } = self.key;
        pb::ClearPrivateRequest {
            project_id: tenant.project_id,
            key: key!(clear_private_request, name, id),
            etag: self.etag.etag,
            request_id: self.change.request_id,
            keep_escrow: self.keep_escrow,
        }
    }
}

fn labels(typed: Vec<(String, String)>) -> BTreeMap<String, String> {
    typed.into_iter().collect()
}
