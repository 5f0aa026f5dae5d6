//! The crash matrix: every call that reaches clouds, killed before and after each of its commits, in every weather at each
//! cloud. Whatever happened, everything settles, and then clouds and records tell the same.

use keypairs::dialect::Kind;

use super::bed::{Bed, Death, at, everywhere};
use super::calls::{FREE, with_escrow};
use super::cloud::Weather;

#[derive(Clone, Copy, Debug)]
enum Act {
    Create,
    Keep,
    ImportPrivate,
    Generated,
    Place,
    Withdraw,
    Update,
    Delete,
    Purge,
}

const ACTS: [Act; 9] = [
    Act::Create,
    Act::Keep,
    Act::ImportPrivate,
    Act::Generated,
    Act::Place,
    Act::Withdraw,
    Act::Update,
    Act::Delete,
    Act::Purge,
];
const WEATHERS: [Weather; 6] = [
    Weather::Fine,
    Weather::Down,
    Weather::LostBefore,
    Weather::LostAfter,
    Weather::Late,
    Weather::Refused(Kind::QuotaFull),
];
const CLOUDS: [&str; 3] = ["baidu-bj", "huawei-n4", "tencent-gz"];
/// More commits than any of the calls has.
const COMMITS: i64 = 12;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_all_of_it_settles() {
    let mut faults = Vec::new();
    let mut count = 0;
    for act in ACTS {
        for cloud in CLOUDS {
            for weather in WEATHERS {
                let deaths = (1..=COMMITS).flat_map(|commit| [Death::Before(commit), Death::After(commit)]);
                for death in std::iter::once(Death::Never).chain(deaths) {
                    count += 1;
                    if let Err(fault) = combination(act, cloud, weather, death).await {
                        faults.push(format!("{act:?} {cloud} {weather:?} {death:?}: {fault}"));
                    }
                }
            }
        }
    }
    assert!(count >= 300);
    assert!(faults.is_empty(), "{} of {count}:\n{}", faults.len(), faults.join("\n"));
}

async fn combination(act: Act, cloud: &str, weather: Weather, death: Death) -> Result<(), String> {
    let mut bed = Bed::new();
    prepare(&bed, act).await;
    bed.reborn(death);
    bed.cloud(cloud).forecast([weather]);
    // What the caller hears does not matter here: it may have heard nothing.
    perform(&bed, act).await;
    bed.reborn(Death::Never);
    bed.settle(60).await?;
    bed.verify().await
}

async fn prepare(bed: &Bed, act: Act) {
    match act {
        Act::Create | Act::Keep | Act::ImportPrivate | Act::Generated => {}
        Act::Place => drop(bed.create("web", at(&["baidu-bj"]), FREE).await.unwrap()),
        Act::Withdraw | Act::Update | Act::Delete | Act::Purge => {
            drop(bed.create("web", with_escrow(), FREE).await.unwrap());
        }
    }
}

async fn perform(bed: &Bed, act: Act) {
    match act {
        Act::Create => drop(bed.create("web", with_escrow(), FREE).await),
        Act::Keep => {
            let mut places = everywhere();
            places.keep = true;
            drop(bed.create("web", places, FREE).await);
        }
        Act::ImportPrivate => drop(bed.import_private("web", with_escrow(), FREE).await),
        Act::Generated => drop(bed.create_there("web", "huawei-n4", everywhere()).await),
        Act::Place => {
            drop(bed.place("web", "huawei-n4").await);
        }
        Act::Withdraw => drop(bed.withdraw("web", "huawei-n4").await),
        Act::Update => drop(bed.rename("web", "db", "new words").await),
        Act::Delete => drop(bed.delete("web", false, false).await),
        Act::Purge => drop(bed.delete("web", true, false).await),
    }
}
