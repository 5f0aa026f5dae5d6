//! The settler, Inspect and Adopt.

use keypairs::error::Reason;
use keypairs::model::{KeyPairState, PrivateKeyState};
use keypairs::provider::Provider;
use keypairs::service::clouds::Placing;
use keypairs::service::command::{Adopt, Inspect};
use keypairs::service::{Finding, Inspection};

use super::bed::{Bed, Death, at, everywhere, placing};
use super::calls::{FREE, private, with_escrow};
use super::cloud::Weather;
use crate::house::{call, project};

impl Bed {
    async fn inspect(&self, at: &str, page_token: &str) -> keypairs::error::Result<Inspection> {
        let Placing { provider, .. } = placing(at);
        let (page_token, digest) = (page_token.to_owned(), [3; 32]);
        let command = Inspect { project: project("default"), provider, page_size: 2, page_token, digest };
        self.service.inspect(&command).await
    }

    async fn adopt(&self, at: &str, id: &str, name: Option<&str>) -> keypairs::error::Result<keypairs::model::KeyPair> {
        let command = Adopt {
            project: project("default"),
            placing: placing(at),
            remote_id: id.to_owned(),
            name: name.map(|name| keypairs::model::KeyPairName::parse("", name).unwrap()),
            repeat: None,
            validate_only: false,
        };
        Ok(self.service.adopt(call(), command).await?.unwrap())
    }
}

#[tokio::test]
async fn an_outage_is_settled_soon_after_its_end() {
    let mut bed = Bed::new();
    bed.reborn(Death::After(2));
    bed.cloud("baidu-bj").forecast([Weather::LostAfter]);
    bed.create("web", everywhere(), FREE).await.unwrap_err();
    bed.reborn(Death::Never);
    bed.clouds.iter().for_each(|cloud| cloud.down(true));
    assert!(bed.settle(600).await.is_err());
    bed.clouds.iter().for_each(|cloud| cloud.down(false));
    assert!(bed.settle(60).await.unwrap() <= 60);
    assert_eq!(bed.pairs().await[0].state, KeyPairState::Active);
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn inspect_finds_all_there_is_to_find() {
    let bed = Bed::new();
    for name in ["a", "b", "c", "d", "e"] {
        bed.create(name, at(&["tencent-gz"]), FREE).await.unwrap();
    }
    let cloud = bed.cloud("tencent-gz");
    let orphan = cloud.plant("orphan", private("openssh-p384").public().clone());
    let id = |name: &str| cloud.keys().iter().find(|held| held.remote.name == name).unwrap().remote.id.clone();
    let (missing, drifted, renamed) = (id("a"), id("b"), id("c"));
    cloud.remove(&missing);
    cloud.change(&drifted, |held| held.remote.public = Some(private("keygen-pem-rsa").public().clone()));
    cloud.change(&renamed, |held| held.remote.name = "else".into());

    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let page = bed.inspect("tencent-gz", &token).await.unwrap();
        assert!(page.items.len() <= 2);
        assert_eq!((page.used, page.limit), (5, Some(100)));
        all.extend(page.items.into_iter().map(|item| (item.remote_id, item.finding, item.pair.is_some())));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    all.retain(|(_, finding, _)| *finding != Finding::Known);
    let mut wanted = vec![
        (missing, Finding::Missing, true),
        (drifted, Finding::Drifted, true),
        (renamed, Finding::Drifted, true),
        (orphan, Finding::Orphaned, false),
    ];
    wanted.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(all, wanted);
    assert_eq!(bed.inspect("tencent-gz", "bm9uc2Vuc2U").await.err().unwrap().reason, Reason::PageTokenInvalid);
}

#[tokio::test]
async fn adopt_takes_what_a_cloud_has() {
    let bed = Bed::new();
    let public = private("openssh-p384").public().clone();
    let id = bed.cloud("baidu-bj").plant("theirs", public.clone());
    let pair = bed.adopt("baidu-bj", &id, None).await.unwrap();
    assert_eq!((pair.name.as_str(), pair.placements[0].remote_id.as_str()), ("theirs", id.as_str()));
    assert_eq!(bed.adopt("baidu-bj", &id, None).await.unwrap_err().reason, Reason::PlacementExists);
    assert_eq!(bed.adopt("baidu-bj", "k-none", None).await.unwrap_err().reason, Reason::RemoteKeyNotFound);
    // The same key at another cloud joins the pair.
    let id = bed.cloud("tencent-gz").plant("alias", public);
    let joined = bed.adopt("tencent-gz", &id, None).await.unwrap();
    assert_eq!((joined.id, joined.placements.len()), (pair.id, 2));
    bed.verify().await.unwrap();
}

#[tokio::test]
async fn adopt_brings_the_private_half_from_escrow() {
    let there = Bed::new();
    there.create("web", with_escrow(), FREE).await.unwrap();
    there.delete("web", true, true).await.unwrap();
    let id = there.cloud("huawei-n4").keys()[0].remote.id.clone();
    let pair = there.adopt("huawei-n4", &id, Some("mine")).await.unwrap();
    assert_eq!((pair.name.as_str(), pair.private_key_state), ("mine", PrivateKeyState::Stored));
    assert_eq!(there.cloud("huawei-n4").spec().name.as_str(), "huawei-n4");
    // The others are nobody's now.
    for cloud in ["baidu-bj", "tencent-gz"] {
        let page = there.inspect(cloud, "").await.unwrap();
        assert_eq!(page.items[0].finding, Finding::Orphaned);
    }
}
