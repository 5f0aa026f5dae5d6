//! What becomes of records that somebody changed: refused, each for itself, and nothing else is touched.

use std::collections::BTreeMap;
use std::time::Instant;

use keypairs::error::{Error, Reason, Result};
use keypairs::grpc::pb;
use keypairs::model::{KeyPair, KeyPairId};
use keypairs::service::command::Key;
use keypairs::sshkey::{Curve, KeySpec};
use keypairs::store::memory::Rows;

use crate::conformance_store::tamper;
use crate::crash::is_long;
use crate::house::{House, by_id, by_name, row_key};
use crate::server::{Place, reason};
use crate::wire;

/// Every bit of 50 sealed halves, of all key types. The short form takes every bit of 7 and every ninth of the others.
#[tokio::test(flavor = "multi_thread")]
async fn no_flipped_bit_of_a_sealed_half_opens() {
    let street = Street::of_types().await;
    let (began, mut bits, mut versions) = (Instant::now(), 0, 0);
    for (number, tenant) in street.tenants.iter().enumerate() {
        let key = tenant.row(ENVELOPE);
        let length = street.value(&key).len();
        let step = if is_long() || number % 7 == 3 { 1 } else { NINTH };
        for bit in (0..length * 8).step_by(step) {
            street.house.tamper(|rows| flip(rows, &key, bit));
            let error = street.export_refused(tenant, &format!("bit {bit} of {length} bytes")).await;
            // A higher format version is told as such, and never guessed.
            let is_version = bit / 8 == VERSION_BYTE && error.reason == Reason::FormatVersionUnknown;
            assert!(is_version || error.reason == Reason::RecordCorrupt, "bit {bit} of {length} bytes: {error}");
            versions += usize::from(is_version);
            if bits % 509 == 0 {
                street.others_are_served(tenant).await;
                street.is_found(tenant).await;
            }
            street.house.tamper(|rows| flip(rows, &key, bit));
            bits += 1;
        }
        street.is_whole(tenant).await;
    }
    let (halves, took) = (street.tenants.len(), began.elapsed());
    println!("integrity: {bits} bits of {halves} sealed halves, {versions} of them unknown versions, in {took:.1?}");
    assert!(versions >= 7 * 7, "7 flips of the format byte give a higher version");
}

/// Every bit of 20 metadata rows; in the short form every ninth of 16 of them.
#[tokio::test(flavor = "multi_thread")]
async fn no_flipped_bit_of_a_metadata_row_is_believed() {
    let street = Street::of_types().await;
    let (began, mut bits) = (Instant::now(), 0);
    for (number, tenant) in street.tenants.iter().step_by(2).take(20).enumerate() {
        let key = tenant.row(PAIR);
        let step = if is_long() || number % 5 == 4 { 1 } else { NINTH };
        for bit in (0..street.value(&key).len() * 8).step_by(step) {
            street.house.tamper(|rows| flip(rows, &key, bit));
            street.row_refused(tenant, &format!("bit {bit}")).await;
            if bits % 127 == 0 {
                street.is_listed_as_unreadable(tenant).await;
                street.others_are_served(tenant).await;
                street.is_found(tenant).await;
            }
            street.house.tamper(|rows| flip(rows, &key, bit));
            bits += 1;
        }
        street.is_whole(tenant).await;
    }
    println!("integrity: {bits} bits of 20 metadata rows in {:.1?}", began.elapsed());
}

/// Rows at every shorter length, and one byte longer.
#[tokio::test(flavor = "multi_thread")]
async fn no_cut_row_is_believed() {
    let street = Street::of_types().await;
    let mut cuts = 0;
    for tenant in street.tenants.iter().step_by(5) {
        for kind in [PAIR, ENVELOPE] {
            let key = tenant.row(kind);
            let whole = street.value(&key);
            let longer = [whole.as_slice(), &[0]].concat();
            for damaged in (0..whole.len()).map(|length| whole[..length].to_vec()).chain([longer]) {
                let what = format!("{} of {} bytes", damaged.len(), whole.len());
                street.house.tamper(|rows| drop(rows.insert(key.clone(), damaged)));
                match kind {
                    PAIR => street.row_refused(tenant, &what).await,
                    _ => is_corrupt(&street.export_refused(tenant, &what).await, &what),
                }
                cuts += 1;
            }
            street.is_found(tenant).await;
            street.house.tamper(|rows| drop(rows.insert(key.clone(), whole)));
        }
        street.is_whole(tenant).await;
    }
    println!("integrity: {cuts} cuts");
}

/// Rows of the same kind put in each other's place: within a project, between projects, of one type and of two.
#[tokio::test(flavor = "multi_thread")]
async fn no_row_is_believed_in_anothers_place() {
    let street = Street::of_types().await;
    let (mut swaps, count) = (0, street.tenants.len());
    for (one, other) in (0..count).flat_map(|one| [1, 2, 7, 25].map(|step| (one, (one + step) % count))) {
        let (one, other) = (&street.tenants[one], &street.tenants[other]);
        for kind in [PAIR, ENVELOPE] {
            street.house.tamper(|rows| swap(rows, &one.row(kind), &other.row(kind)));
            for tenant in [one, other] {
                match kind {
                    PAIR => street.row_refused(tenant, "swapped").await,
                    _ => is_corrupt(&street.export_refused(tenant, "swapped").await, "swapped"),
                }
                if swaps % 20 == 0 {
                    street.is_found(tenant).await;
                }
            }
            street.house.tamper(|rows| swap(rows, &one.row(kind), &other.row(kind)));
            swaps += 1;
        }
        // Both rows of both pairs: what belongs together stays together, in the wrong place.
        let both = |rows: &mut Rows| {
            swap(rows, &one.row(PAIR), &other.row(PAIR));
            swap(rows, &one.row(ENVELOPE), &other.row(ENVELOPE));
        };
        street.house.tamper(both);
        for tenant in [one, other] {
            street.row_refused(tenant, "both rows swapped").await;
        }
        street.house.tamper(both);
        swaps += 1;
    }
    for tenant in &street.tenants {
        street.is_whole(tenant).await;
    }
    println!("integrity: {swaps} swaps");
}

/// A pair copied under another project or another id, and one whose row or half is gone.
#[tokio::test(flavor = "multi_thread")]
async fn no_copied_or_half_record_is_believed() {
    let street = Street::of_types().await;
    let [one, other] = [&street.tenants[0], &street.tenants[1]];
    assert_ne!(one.pair.project, other.pair.project);
    let foreign = KeyPair { project: other.pair.project.clone(), ..one.pair.clone() };
    let renumbered = KeyPair { id: KeyPairId::from_bytes([7; 16]), ..one.pair.clone() };
    for copy in [foreign, renumbered] {
        street.house.tamper(|rows| {
            for kind in [PAIR, ENVELOPE] {
                let value = rows[&one.row(kind)].clone();
                rows.insert(row_key(kind, copy.project.as_str(), copy.id), value);
            }
        });
        is_corrupt(&street.house.get(&by_id(&copy)).await.unwrap_err(), "copied");
        is_corrupt(&street.house.export(&by_id(&copy)).await.unwrap_err(), "copied");
        let found = street.house.service.verify().await.unwrap().findings;
        assert!(found.iter().any(|finding| finding.place == format!("pair {}/{}", copy.project, copy.id)), "{found:?}");
        street.house.tamper(|rows| {
            for kind in [PAIR, ENVELOPE] {
                rows.remove(&row_key(kind, copy.project.as_str(), copy.id));
            }
        });
    }
    let envelope = street.value(&one.row(ENVELOPE));
    street.house.tamper(|rows| drop(rows.remove(&one.row(ENVELOPE))));
    is_corrupt(&street.export_refused(one, "no sealed half").await, "no sealed half");
    street.is_found(one).await;
    street.house.tamper(|rows| drop(rows.insert(one.row(ENVELOPE), envelope)));
    street.is_whole(one).await;
}

/// Index entries carry no MAC: a changed one leads to damage or to nothing, never to another pair.
#[tokio::test(flavor = "multi_thread")]
async fn no_changed_index_entry_leads_astray() {
    let street = Street::of_types().await;
    let [one, other] = [&street.tenants[0], &street.tenants[2]];
    assert_eq!(one.pair.project, other.pair.project);
    let name_row = |tenant: &Tenant| {
        let (project, name) = (tenant.pair.project.as_str(), tenant.pair.name.as_str());
        [b"n", project.as_bytes(), &[0], name.as_bytes()].concat()
    };
    street.house.tamper(|rows| swap(rows, &name_row(one), &name_row(other)));
    for tenant in [one, other] {
        is_corrupt(&street.house.get(&tenant.by_name()).await.unwrap_err(), "name index swapped");
        is_corrupt(&street.house.export(&tenant.by_name()).await.unwrap_err(), "name index swapped");
        assert_eq!(street.house.export(&by_id(&tenant.pair)).await.unwrap(), tenant.private_key, "by id");
    }
    assert!(street.house.service.verify().await.unwrap().findings.len() >= 2);
    street.house.tamper(|rows| swap(rows, &name_row(one), &name_row(other)));
    for bit in 0..128 {
        street.house.tamper(|rows| flip(rows, &name_row(one), bit));
        is_corrupt(&street.house.get(&one.by_name()).await.unwrap_err(), "name index flipped");
        street.house.tamper(|rows| flip(rows, &name_row(one), bit));
    }
    street.is_whole(one).await;
}

/// The same on the disk: a real server on a store that was damaged while it was stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_damaged_rows_serves_the_others() {
    let place = Place::new();
    let server = place.serve();
    let mut client = server.client().await;
    let mut pairs = Vec::new();
    for number in 0..30 {
        pairs.push(wire::made(&mut client, wire::create(&format!("pair-{number}"))).await);
    }
    assert!(server.stop().success());
    let id = |number: usize| KeyPairId::parse(&pairs[number].0.id).unwrap();
    let row = |kind, number| row_key(kind, "default", id(number));
    tamper(&place.data().join("store"), |rows| {
        flip(rows, &row(PAIR, 0), 300);
        flip(rows, &row(ENVELOPE, 1), 1000);
        swap(rows, &row(PAIR, 2), &row(PAIR, 3));
        swap(rows, &row(ENVELOPE, 4), &row(ENVELOPE, 5));
        rows.get_mut(&row(PAIR, 6)).unwrap().truncate(50);
        rows.get_mut(&row(ENVELOPE, 7)).unwrap().truncate(50);
        rows.remove(&row(ENVELOPE, 8));
    });

    let verified = place.command(&["store", "verify"]).output().unwrap();
    assert_eq!(verified.status.code(), Some(65));
    let told = String::from_utf8(verified.stdout).unwrap();
    for (number, (pair, _)) in pairs.iter().enumerate() {
        assert_eq!(told.contains(&pair.id), number < 9, "pair {number}: {told}");
    }

    let server = place.serve();
    let mut client = server.client().await;
    let (listed, unreadable) = wire::list_with_damaged(&mut client, false).await;
    assert_eq!(unreadable, [0, 2, 3, 6].map(|number| pairs[number].0.id.clone()));
    assert_eq!(listed.len(), 30 - 4);
    // A fingerprint is looked up by an index, which leads straight to the damaged row: that failed the whole page.
    for (number, found) in [(0, 0), (9, 1)] {
        let fingerprint = pairs[number].0.fingerprint_sha256.clone();
        let filter = Some(pb::ListFilter { fingerprint, ..Default::default() });
        let page = client.list(pb::ListRequest { filter, ..Default::default() }).await.unwrap().into_inner();
        assert_eq!((page.key_pairs.len(), page.unreadable_ids.contains(&pairs[0].0.id)), (found, found == 0));
    }
    for (number, (pair, private_key)) in pairs.iter().enumerate() {
        for request in [wire::export_id(&pair.id), wire::export(&pair.name)] {
            match client.export_private(request).await {
                Ok(answer) => {
                    assert!(number >= 9, "pair {number} was given out");
                    assert_eq!(answer.into_inner().private_key, *private_key);
                }
                Err(status) => {
                    assert!(number < 9, "pair {number}: {status}");
                    assert_eq!((status.code(), reason(&status).as_str()), (tonic::Code::DataLoss, "RECORD_CORRUPT"));
                }
            }
        }
    }
    assert!(server.stop().success());
}

/// A house with 50 pairs in two projects, and what they were when all was well.
struct Street {
    house: House,
    tenants: Vec<Tenant>,
}

struct Tenant {
    pair: KeyPair,
    private_key: String,
}

impl Tenant {
    fn row(&self, kind: u8) -> Vec<u8> {
        row_key(kind, self.pair.project.as_str(), self.pair.id)
    }

    fn by_name(&self) -> Key {
        by_name(self.pair.project.as_str(), self.pair.name.as_str())
    }
}

impl Street {
    async fn of_types() -> Self {
        let house = House::in_memory();
        let rare = [KeySpec::Rsa(2048), KeySpec::Rsa(3072), KeySpec::Rsa(4096)];
        let common = [Curve::P256, Curve::P384, Curve::P521].map(KeySpec::Ecdsa);
        let mut tenants = Vec::new();
        for number in 0..50 {
            let spec = match number {
                0..3 => rare[number],
                _ if number % 4 == 0 => KeySpec::Ed25519,
                _ => common[number % 3],
            };
            let (project, name) = (["left", "right"][number % 2], format!("pair-{number}"));
            let (pair, private_key) = house.create(project, &name, spec).await.unwrap();
            tenants.push(Tenant { pair, private_key });
        }
        Self { house, tenants }
    }

    fn value(&self, key: &[u8]) -> Vec<u8> {
        let mut value = Vec::new();
        self.house.tamper(|rows| value.clone_from(&rows[key]));
        value
    }

    /// The private half does not come out.
    async fn export_refused(&self, tenant: &Tenant, what: &str) -> Error {
        let exported = self.house.export(&by_id(&tenant.pair)).await;
        exported.err().unwrap_or_else(|| panic!("{what}: the private half of {} came out", tenant.pair.name))
    }

    /// No call believes the row.
    async fn row_refused(&self, tenant: &Tenant, what: &str) {
        for key in [by_id(&tenant.pair), tenant.by_name()] {
            is_corrupt(&refused(self.house.get(&key).await, what), what);
            is_corrupt(&refused(self.house.export(&key).await, what), what);
        }
    }

    async fn is_listed_as_unreadable(&self, tenant: &Tenant) {
        let listing = self.house.list(tenant.pair.project.as_str()).await;
        let unreadable: Vec<_> = listing.items.iter().filter_map(|item| item.as_ref().err()).collect();
        assert_eq!(unreadable, [&tenant.pair.id]);
        assert_eq!(listing.items.len(), self.tenants.len() / 2, "the others are on the page");
    }

    async fn others_are_served(&self, damaged: &Tenant) {
        // Not those of RSA, which take their time.
        let others = self.tenants.iter().skip(3).filter(|tenant| tenant.pair.id != damaged.pair.id).step_by(6);
        for other in others {
            assert_eq!(self.house.export(&other.by_name()).await.unwrap(), other.private_key);
        }
    }

    /// `store verify` names the pair.
    async fn is_found(&self, tenant: &Tenant) {
        let found = self.house.service.verify().await.unwrap().findings;
        let id = tenant.pair.id.to_string();
        assert!(found.iter().any(|finding| finding.place.contains(&id)), "{found:?}");
    }

    async fn is_whole(&self, tenant: &Tenant) {
        assert_eq!(self.house.export(&tenant.by_name()).await.unwrap(), tenant.private_key);
        let pair = self.house.get(&by_id(&tenant.pair)).await.unwrap();
        assert_eq!(format!("{pair:?}"), format!("{:?}", tenant.pair));
    }
}

fn refused<T>(outcome: Result<T>, what: &str) -> Error {
    outcome.err().unwrap_or_else(|| panic!("{what}: it was believed"))
}

#[track_caller]
fn is_corrupt(error: &Error, what: &str) {
    assert_eq!(error.reason, Reason::RecordCorrupt, "{what}: {error}");
}

fn flip(rows: &mut Rows, key: &[u8], bit: usize) {
    rows.get_mut(key).unwrap()[bit / 8] ^= 1 << (bit % 8);
}

fn swap(rows: &mut Rows, one: &[u8], other: &[u8]) {
    let values: BTreeMap<_, _> = [(one, rows[other].clone()), (other, rows[one].clone())].into();
    for (key, value) in values {
        rows.insert(key.to_vec(), value);
    }
}

/// The kinds of rows.
const PAIR: u8 = b'm';
const ENVELOPE: u8 = b'e';
/// A step that comes by every byte, and by every bit of a byte in turn.
const NINTH: usize = 9;
/// Where an envelope says its format version.
const VERSION_BYTE: usize = 4;
