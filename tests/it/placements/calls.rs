//! The calls that reach clouds, in fine weather and in bad.

use keypairs::dialect::Kind;
use keypairs::error::{Class, Reason, Result};
use keypairs::model::{
    Description, EncryptionChoice, KeyPair, KeyPairName, KeyPairState, Labels, Origin, PlacementState, PrivateKeyState,
    UserId,
};
use keypairs::provider::Provider;
use keypairs::service::command::{
    ClearPrivate, Create, Delete, ImportPrivate, ImportPublic, Manner, NewPair, Place, Places, Update, Withdraw,
};
use keypairs::sshkey::{KeyFormat, KeySpec, PrivateKey};

use super::bed::{Bed, at, everywhere, placing, provider};
use super::cloud::Weather;
use crate::house::{by_id, by_name, call, project, repeat};

pub const FREE: Manner = Manner { ensure: false, repeat: None, validate_only: false };

pub fn new_pair(name: &str) -> NewPair {
    NewPair {
        project: project("default"),
        name: KeyPairName::parse("name", name).unwrap(),
        description: Description::parse("", "for tests").unwrap(),
        labels: Labels::default(),
        user_id: UserId::default(),
        through: None,
    }
}

impl Bed {
    pub async fn create(&self, name: &str, places: Places, manner: Manner) -> Result<(Option<KeyPair>, bool)> {
        let command = Create {
            new: new_pair(name),
            spec: KeySpec::Ed25519,
            encryption: EncryptionChoice::Default,
            format: KeyFormat::OpenSsh,
            passphrase: None,
            omit_private_key: false,
            forget_private: false,
            places,
            generated_by: None,
            manner,
        };
        let (pair, private) = self.service.create(call(), command).await?;
        Ok((pair, private.is_some()))
    }

    pub async fn create_there(&self, name: &str, maker: &str, places: Places) -> Result<(KeyPair, String)> {
        let command = Create {
            new: new_pair(name),
            spec: KeySpec::Rsa(2048),
            encryption: EncryptionChoice::Default,
            format: KeyFormat::Pkcs1,
            passphrase: None,
            omit_private_key: false,
            forget_private: false,
            places,
            generated_by: Some(provider(maker)),
            manner: FREE,
        };
        let (pair, private) = self.service.create(call(), command).await?;
        Ok((pair.unwrap(), private.unwrap().text.into_exposed()))
    }

    pub async fn import_private(&self, name: &str, places: Places, manner: Manner) -> Result<KeyPair> {
        let command = ImportPrivate {
            new: new_pair(name),
            key: private("openssh-p384"),
            comment: String::new(),
            encryption: EncryptionChoice::Default,
            must_exist: false,
            places,
            manner,
        };
        Ok(self.service.import_private(call(), command).await?.unwrap())
    }

    pub async fn delete(&self, name: &str, purge: bool, abandon: bool) -> Result<Option<KeyPair>> {
        let command = Delete {
            key: by_name("default", name),
            etag: String::new(),
            allow_missing: false,
            purge,
            abandon_placements: abandon,
            repeat: None,
            validate_only: false,
        };
        self.service.delete(call(), command).await
    }

    pub async fn place(&self, name: &str, at: &str) -> Result<KeyPair> {
        let (key, placing) = (by_name("default", name), placing(at));
        self.service.place(call(), Place { key, placing, repeat: Some(repeat(9)), validate_only: false }).await
    }

    pub async fn withdraw(&self, name: &str, from: &str) -> Result<KeyPair> {
        let (key, provider) = (by_name("default", name), provider(from));
        self.service.withdraw(call(), Withdraw { key, provider, repeat: Some(repeat(8)) }).await
    }

    pub async fn rename(&self, name: &str, to: &str, description: &str) -> Result<KeyPair> {
        let command = Update {
            key: by_name("default", name),
            name: Some(KeyPairName::parse("", to).unwrap()),
            description: Some(Description::parse("", description).unwrap()),
            labels: None,
            user_id: None,
            etag: String::new(),
            repeat: None,
        };
        self.service.update(call(), command).await
    }

    pub async fn clear(&self, name: &str, keep_escrow: bool) -> Result<KeyPair> {
        let (key, etag) = (by_name("default", name), String::new());
        self.service.clear_private(call(), ClearPrivate { key, keep_escrow, etag, repeat: None }).await
    }

    pub async fn get(&self, name: &str) -> Result<KeyPair> {
        self.service.pair(&by_name("default", name)).await
    }
}

pub fn private(file: &str) -> PrivateKey {
    let text = std::fs::read_to_string(format!("tests/vectors/keys/{file}")).unwrap();
    PrivateKey::parse(&text).unwrap().0
}

/// Everywhere, with the private half in Huawei's keeping.
pub fn with_escrow() -> Places {
    let mut places = everywhere();
    places.wanted[1].wishes.escrow = Some(EncryptionChoice::Default);
    places
}

#[tokio::test]
async fn one_call_places_a_pair_at_three_clouds() {
    let bed = Bed::new();
    let (pair, is_given) = bed.create("web", with_escrow(), FREE).await.unwrap();
    let pair = pair.unwrap();
    assert!(is_given);
    assert_eq!((pair.state, pair.journal.is_some()), (KeyPairState::Active, false));
    assert_eq!(pair.placements.len(), 3);
    for placement in &pair.placements {
        assert_eq!(placement.state, PlacementState::Active, "{placement:?}");
        assert_eq!(placement.remote_name, "web");
        assert_eq!(placement.remote_fingerprint, pair.public.fingerprint_md5());
        let held = bed.cloud(placement.provider.as_str()).keys();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].remote.id, placement.remote_id);
        assert_eq!(held[0].remote.description, "for tests", "{}", placement.provider);
    }
    let escrowed = bed.cloud("huawei-n4").keys()[0].private.clone().unwrap();
    assert!(escrowed.starts_with("-----BEGIN PRIVATE KEY-----"));
    bed.verify().await.unwrap();

    let gone = bed.delete("web", false, false).await.unwrap().unwrap();
    assert_eq!((gone.state, gone.placements.len()), (KeyPairState::Deleted, 0));
    assert!(bed.clouds.iter().all(|cloud| cloud.keys().is_empty()));
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn a_refusal_takes_everything_back_and_names_the_cloud() {
    for refusing in ["baidu-bj", "huawei-n4", "tencent-gz"] {
        let bed = Bed::new();
        bed.cloud(refusing).forecast([Weather::Refused(Kind::QuotaFull)]);
        let manner = Manner { repeat: Some(repeat(1)), ..FREE };
        let error = bed.create("web", everywhere(), manner).await.unwrap_err();
        assert_eq!((error.reason, error.class()), (Reason::ProviderRejected, Class::ResourceExhausted));
        assert!(error.facts.contains(&("provider", refusing.to_owned())), "{:?}", error.facts);
        assert!(error.facts.contains(&("provider_code", "Cloud.No".to_owned())), "{:?}", error.facts);
        assert!(bed.clouds.iter().all(|cloud| cloud.keys().is_empty()), "{refusing}");
        assert_eq!((bed.pairs().await.len(), bed.open().await), (0, 0), "{refusing}");
        bed.verify().await.unwrap();
        // Only success is kept: the same request may be sent again.
        bed.create("web", everywhere(), manner).await.unwrap();
    }
}

#[tokio::test]
async fn an_outage_takes_everything_back_too() {
    let bed = Bed::new();
    bed.cloud("tencent-gz").forecast([Weather::Down]);
    let error = bed.create("web", everywhere(), FREE).await.unwrap_err();
    assert_eq!(error.reason, Reason::ProviderUnavailable);
    assert!(bed.clouds.iter().all(|cloud| cloud.keys().is_empty()));
    assert_eq!(bed.pairs().await.len(), 0);
}

#[tokio::test]
async fn keep_keeps_what_failed_and_the_settler_tries_again() {
    let bed = Bed::new();
    bed.cloud("huawei-n4").forecast([Weather::Refused(Kind::Forbidden)]);
    let (pair, _) = bed.create("web", Places { keep: true, ..everywhere() }, FREE).await.unwrap();
    let pair = pair.unwrap();
    let failed = pair.placement(&provider("huawei-n4")).unwrap();
    assert_eq!((pair.state, failed.state), (KeyPairState::Active, PlacementState::Failed));
    assert_eq!(failed.error.as_ref().unwrap().code, "Cloud.No");
    assert!(bed.settle(60).await.unwrap() >= 29, "what a cloud refuses is not asked again at once");
    assert_eq!(bed.get("web").await.unwrap().placements.len(), 3);
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn an_unknown_outcome_keeps_the_pair_pending_and_is_found_out() {
    for weather in [Weather::LostBefore, Weather::LostAfter, Weather::Late] {
        let bed = Bed::new();
        bed.cloud("baidu-bj").forecast([weather]);
        let manner = Manner { repeat: Some(repeat(2)), ..FREE };
        let error = bed.create("web", everywhere(), manner).await.unwrap_err();
        assert_eq!(error.reason, Reason::ProviderOutcomeUnknown, "{weather:?}");
        let pair = bed.get("web").await.unwrap();
        assert_eq!(pair.state, KeyPairState::Pending);
        assert!(error.facts.contains(&("key_pair_id", pair.id.to_string())));
        // The same request hears the same until it is settled.
        let again = bed.create("web", everywhere(), manner).await.unwrap_err();
        assert_eq!((again.reason, again.retry_after.is_some()), (Reason::ProviderOutcomeUnknown, true));
        bed.settle(60).await.unwrap();
        let (settled, is_given) = bed.create("web", everywhere(), manner).await.unwrap();
        assert_eq!((settled.unwrap().state, is_given), (KeyPairState::Active, true), "{weather:?}");
        assert!(bed.clouds.iter().all(|cloud| cloud.keys().len() == 1), "{weather:?}");
        bed.verify().await.unwrap();
    }
}

#[tokio::test]
async fn a_name_that_another_key_took_meanwhile_unmakes_the_pair() {
    let bed = Bed::new();
    bed.cloud("tencent-gz").forecast([Weather::LostBefore]);
    bed.create("web", at(&["tencent-gz", "baidu-bj"]), FREE).await.unwrap_err();
    let theirs = private("openssh-p384").public().clone();
    bed.cloud("tencent-gz").plant("web", theirs.clone());
    bed.settle(60).await.unwrap();
    assert_eq!(bed.pairs().await.len(), 0);
    let left = bed.cloud("tencent-gz").keys();
    assert_eq!((left.len(), left[0].remote.public.as_ref()), (1, Some(&theirs)), "theirs is not touched");
    assert!(bed.cloud("baidu-bj").keys().is_empty());
}

#[tokio::test]
async fn names_that_do_not_fit_are_derived() {
    let bed = Bed::new();
    let (pair, _) = bed.create("0/web.server-with_a-long/name", everywhere(), FREE).await.unwrap();
    let pair = pair.unwrap();
    let name = |at: &str| pair.placement(&provider(at)).unwrap().remote_name.clone();
    let digits = &pair.id.to_string()[29..];
    assert_eq!(name("tencent-gz"), format!("0_web_server_with__{digits}"));
    assert_eq!(name("huawei-n4"), format!("0_web_server-with_a-long_name_{digits}"));
    assert_eq!(name("baidu-bj"), format!("k0_web_server-with_a-long_name_{digits}"));
}

#[tokio::test]
async fn place_and_withdraw_add_and_take_away() {
    let bed = Bed::new();
    bed.create("web", at(&["baidu-bj"]), FREE).await.unwrap();
    bed.cloud("tencent-gz").forecast([Weather::Refused(Kind::QuotaFull)]);
    assert_eq!(bed.place("web", "tencent-gz").await.unwrap_err().reason, Reason::ProviderRejected);
    assert_eq!(bed.get("web").await.unwrap().placements.len(), 1, "a refused placement leaves nothing");
    let placed = bed.place("web", "tencent-gz").await.unwrap();
    assert_eq!(placed.placement(&provider("tencent-gz")).unwrap().state, PlacementState::Active);
    assert_eq!(bed.cloud("tencent-gz").keys()[0].remote.description, "for tests");

    let id = bed.cloud("tencent-gz").keys()[0].remote.id.clone();
    bed.cloud("tencent-gz").change(&id, |held| held.is_in_use = true);
    let error = bed.withdraw("web", "tencent-gz").await.unwrap_err();
    assert_eq!((error.reason, error.class()), (Reason::ProviderRejected, Class::FailedPrecondition));
    let still = bed.get("web").await.unwrap();
    assert_eq!(still.placement(&provider("tencent-gz")).unwrap().state, PlacementState::Active);
    assert_eq!(bed.open().await, 0);

    bed.cloud("tencent-gz").change(&id, |held| held.is_in_use = false);
    let rest = bed.withdraw("web", "tencent-gz").await.unwrap();
    assert_eq!(rest.placements.len(), 1);
    assert!(bed.cloud("tencent-gz").keys().is_empty());
    let (key, provider) = (by_name("default", "web"), provider("huawei-n4"));
    let command = Withdraw { key, provider, repeat: None };
    let error = bed.service.withdraw(call(), command).await.unwrap_err();
    assert_eq!(error.reason, Reason::PlacementNotFound);
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn an_update_reaches_every_cloud_now_or_later() {
    let bed = Bed::new();
    bed.create("web", everywhere(), FREE).await.unwrap();
    bed.cloud("tencent-gz").forecast([Weather::Down]);
    let pair = bed.rename("web", "db", "new words").await.unwrap();
    let names: Vec<&str> = pair.placements.iter().map(|placement| placement.remote_name.as_str()).collect();
    assert_eq!(names, ["db", "web", "web"], "Huawei cannot rename, and Tencent was down");
    let behind = pair.placement(&provider("tencent-gz")).unwrap();
    assert_eq!((behind.state, behind.error.is_some()), (PlacementState::Active, true));
    bed.settle(60).await.unwrap();
    for cloud in &bed.clouds {
        let remote = &cloud.keys()[0].remote;
        let name = if cloud.spec().can.renames { "db" } else { "web" };
        assert_eq!((remote.name.as_str(), remote.description.as_str()), (name, "new words"));
    }
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn a_pair_in_use_stays_deleting_until_it_is_free() {
    let bed = Bed::new();
    bed.create("web", everywhere(), FREE).await.unwrap();
    bed.cloud("huawei-n4").change("web", |held| held.is_in_use = true);
    let error = bed.delete("web", false, false).await.unwrap_err();
    assert_eq!(error.reason, Reason::ProviderRejected);
    let pair = bed.get("web").await.unwrap();
    assert_eq!((pair.state, pair.placements.len()), (KeyPairState::Deleting, 1), "gone placements stay gone");
    assert_eq!(bed.rename("web", "db", "x").await.unwrap_err().reason, Reason::KeyPairDeleting);
    bed.cloud("huawei-n4").change("web", |held| held.is_in_use = false);
    let gone = bed.delete("web", false, false).await.unwrap().unwrap();
    assert_eq!(gone.state, KeyPairState::Deleted);
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn abandoning_leaves_the_clouds_alone() {
    let bed = Bed::new();
    bed.create("web", everywhere(), FREE).await.unwrap();
    let before: usize = bed.clouds.iter().map(|cloud| cloud.requests().len()).sum();
    let gone = bed.delete("web", true, true).await.unwrap().unwrap();
    assert_eq!(gone.state, KeyPairState::Deleted);
    assert_eq!(bed.clouds.iter().map(|cloud| cloud.requests().len()).sum::<usize>(), before);
    assert_eq!((bed.pairs().await.len(), bed.open().await), (0, 0));
}

#[tokio::test]
async fn clearing_reaches_the_escrow_or_says_that_it_did_not() {
    let bed = Bed::new();
    bed.create("web", with_escrow(), FREE).await.unwrap();
    bed.cloud("huawei-n4").forecast([Weather::Down]);
    assert_eq!(bed.clear("web", false).await.unwrap_err().reason, Reason::ProviderUnavailable);
    assert_eq!(bed.get("web").await.unwrap().private_key_state, PrivateKeyState::Cleared);
    bed.settle(60).await.unwrap();
    assert!(bed.cloud("huawei-n4").keys()[0].private.is_none());
    assert!(!bed.get("web").await.unwrap().placement(&provider("huawei-n4")).unwrap().is_escrowed);

    let bed = Bed::new();
    bed.create("web", with_escrow(), FREE).await.unwrap();
    bed.clear("web", true).await.unwrap();
    assert!(bed.cloud("huawei-n4").keys()[0].private.is_some());
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn a_private_half_that_joins_a_pair_brings_its_escrow() {
    let bed = Bed::new();
    let places = at(&["huawei-n4"]);
    let command = ImportPublic {
        new: new_pair("web"),
        public: private("openssh-p384").public().clone(),
        comment: String::new(),
        places: at(&["huawei-n4", "baidu-bj"]),
        manner: FREE,
    };
    bed.service.import_public(call(), command).await.unwrap();
    let mut escrowing = places;
    escrowing.wanted[0].wishes.escrow = Some(EncryptionChoice::Default);
    bed.cloud("huawei-n4").forecast([Weather::Refused(Kind::EncryptionFailed)]);
    let error = bed.import_private("web", escrowing.clone(), FREE).await.unwrap_err();
    assert_eq!(error.reason, Reason::ProviderRejected);
    assert_eq!(bed.get("web").await.unwrap().private_key_state, PrivateKeyState::None, "nothing is kept");
    let pair = bed.import_private("web", escrowing, FREE).await.unwrap();
    assert_eq!(pair.private_key_state, PrivateKeyState::Stored);
    assert!(pair.placement(&provider("huawei-n4")).unwrap().is_escrowed);
    assert_eq!(pair.placements.len(), 2);
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn a_cloud_makes_the_pair_and_its_private_half_is_kept() {
    for maker in ["baidu-bj", "huawei-n4", "tencent-gz"] {
        let bed = Bed::new();
        let (pair, private) = bed.create_there("web", maker, everywhere()).await.unwrap();
        assert_eq!((pair.origin, pair.private_key_state), (Origin::GeneratedByProvider, PrivateKeyState::Stored));
        assert_eq!(PrivateKey::parse(&private).unwrap().0.public(), &pair.public);
        assert_eq!(bed.service.pair(&by_id(&pair)).await.unwrap().placements.len(), 3);
        assert_eq!(bed.cloud(maker).requests().iter().filter(|what| *what == "create").count(), 1);
        bed.verify().await.unwrap();
    }
}

#[tokio::test]
async fn ensure_makes_what_is_missing() {
    let bed = Bed::new();
    bed.create("web", at(&["baidu-bj"]), FREE).await.unwrap();
    let (pair, is_given) = bed.create("web", everywhere(), Manner { ensure: true, ..FREE }).await.unwrap();
    assert_eq!((pair.unwrap().placements.len(), is_given), (3, false));
    assert_eq!(bed.cloud("baidu-bj").requests().iter().filter(|what| *what == "import_public").count(), 1);
    bed.verify().await.unwrap();
}
