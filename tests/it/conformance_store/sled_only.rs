//! What only a store on disk must do: come back, refuse what is not itself, and not hang.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keypairs::error::Reason;
use keypairs::model::KeyPair;
use keypairs::store::sled::{Fatal, SledOptions, SledStore};
use keypairs::store::{Change, Depth, Lookup, Note, Noted, Store};

use rustix::fs::{FlockOperation, flock};

use super::bed::*;
use crate::server::wait_until;

#[tokio::test]
async fn reopen_finds_everything() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for number in 0..50 {
        store.commit(vec![insert(&pair("a", number))]).await.unwrap();
    }
    drop(store);
    let bed = Bed::Sled { store: Some(open(dir.path()).unwrap()), dir };
    for number in 0..50 {
        let row = bed.by_id(&pair("a", number)).await.unwrap().unwrap();
        assert_eq!(row.envelope, envelope(&row.pair));
    }
    assert_eq!(bed.findings().await, vec![]);
}

/// sled hangs at once when tasks flush by themselves: here only the committer does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_callers_share_groups_and_none_hangs() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let end = tokio::time::Instant::now() + Duration::from_secs(2);
    let callers: Vec<_> = (0..256)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while tokio::time::Instant::now() < end {
                    let pair = pair("a", caller * 100_000 + done);
                    store.commit(vec![insert(&pair)]).await.unwrap();
                    // Read your own write, by name.
                    let read = store.get(Lookup::Name(&pair.project, &pair.name), true);
                    assert_eq!(read.await.unwrap().unwrap().pair.id, pair.id);
                    done += 1;
                }
                done
            })
        })
        .collect();
    let mut total = 0;
    for caller in callers {
        total += tokio::time::timeout(Duration::from_secs(60), caller).await.expect("a caller hangs").unwrap();
    }
    let totals = store.stats().totals();
    assert_eq!(totals.commits, total);
    assert!(totals.groups < totals.commits && totals.largest_group > 1, "{totals:?}");
    assert_eq!(store.note(Note::Count(&project("a"))).await.unwrap(), Noted::Count(total));
    assert_eq!(store.check(Depth::Full).await.unwrap(), vec![]);
}

/// One writer renames a pair to and fro, each commit a group of its own, while others read. A revision that a reader
/// sees has had its fsync; and a name never leads to a row that does not have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_only_what_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(open(dir.path()).unwrap());
    let mut pair = pair("a", 1);
    store.commit(vec![insert(&pair)]).await.unwrap();
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (store, stats, project) = (store.clone(), store.stats(), project("a"));
            tokio::spawn(async move {
                let (names, mut revision) = ([name("to"), name("fro")], 0);
                while revision < 300 {
                    let row = store.get(Lookup::Id(&project, id(1)), true).await.unwrap().unwrap();
                    assert!(row.pair.revision >= revision, "a reader went back in time");
                    revision = row.pair.revision;
                    assert!(stats.totals().groups >= revision, "revision {revision} was seen before its fsync");
                    for name in &names {
                        store.get(Lookup::Name(&project, name), false).await.unwrap();
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    while pair.revision < 300 {
        let to = if pair.revision.is_multiple_of(2) { "to" } else { "fro" };
        pair = KeyPair { name: name(to), ..next(&pair) };
        store.commit(vec![replace(&pair)]).await.unwrap();
    }
    for reader in readers {
        tokio::time::timeout(Duration::from_secs(60), reader).await.expect("a reader hangs").unwrap();
    }
}

/// Blobs are files of their own that sled never fsyncs: no legal row may be large enough for one.
#[tokio::test]
async fn largest_pairs_leave_the_blobs_folder_empty() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    for number in 0..100 {
        let pair = largest_pair("a", number);
        let envelope = Some(vec![number as u8; 16 * 1024]);
        store.commit(vec![Change::Insert { pair: Box::new(pair), envelope, quota: None }]).await.unwrap();
    }
    // Removals merge leaves: the largest ones there are.
    for number in (0..100).filter(|number| number % 4 != 0) {
        store.commit(vec![remove(&largest_pair("a", number))]).await.unwrap();
    }
    drop(store);
    assert_eq!(fs::read_dir(dir.path().join("store/blobs")).unwrap().count(), 0);
}

#[tokio::test]
async fn second_opener_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    assert!(matches!(refusal(dir.path()), Fatal::Io(what) if what.contains("lock")));
    store.commit(vec![insert(&pair("a", 1))]).await.unwrap();
}

/// A store that was just closed is still locked for a moment: the thread of sled's that wrote last holds the file until
/// it is scheduled again. Opening took that for another process, and failed now and then on a busy machine.
#[test]
fn a_store_that_is_still_closing_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).unwrap());
    let closing = fs::File::open(dir.path().join("store/db")).unwrap();
    wait_until("sled has let go", || flock(&closing, FlockOperation::NonBlockingLockExclusive).is_ok());
    let (done, opened) = std::sync::mpsc::sync_channel(1);
    let data = dir.path().to_owned();
    let opening = std::thread::spawn(move || done.send(open(&data).map(drop)));
    assert!(opened.recv_timeout(Duration::from_millis(300)).is_err(), "it opened, or failed, under the lock");
    drop(closing);
    assert_eq!(opened.recv_timeout(Duration::from_secs(60)), Ok(Ok(())));
    opening.join().unwrap().unwrap();
}

#[tokio::test]
async fn a_wiped_or_emptied_store_is_refused() {
    let dir = filled().await;
    fs::remove_dir_all(dir.path().join("store")).unwrap();
    damaged(refusal(dir.path()), "empty or wiped");
    fs::create_dir(dir.path().join("store")).unwrap();
    damaged(refusal(dir.path()), "empty or wiped");
    // As after a power cut on a careless file system: sled opens, and has nothing.
    tamper(&dir.path().join("store"), |_| {});
    damaged(refusal(dir.path()), "empty or wiped");
}

#[tokio::test]
async fn a_rolled_back_store_is_refused() {
    let dir = filled().await;
    let (store, copy) = (dir.path().join("store"), dir.path().join("copy"));
    copy_folder(&store, &copy);
    let open = open(dir.path()).unwrap();
    open.commit(vec![insert(&pair("a", 2))]).await.unwrap();
    drop(open);
    fs::remove_dir_all(&store).unwrap();
    fs::rename(&copy, &store).unwrap();
    damaged(refusal(dir.path()), "rolled back");
}

#[tokio::test]
async fn a_missing_damaged_or_foreign_sidecar_is_refused() {
    let (dir, other) = (filled().await, filled().await);
    let epoch = dir.path().join("epoch");
    let kept = fs::read(&epoch).unwrap();
    fs::remove_file(&epoch).unwrap();
    damaged(refusal(dir.path()), "missing");
    fs::write(&epoch, &kept[1..]).unwrap();
    damaged(refusal(dir.path()), "epoch");
    fs::copy(other.path().join("epoch"), &epoch).unwrap();
    damaged(refusal(dir.path()), "another one");
    fs::write(&epoch, &kept).unwrap();
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn another_keyring_is_refused() {
    let dir = filled().await;
    let refusal = open_with(dir.path(), SledOptions::default(), mac_of(8)).err().unwrap();
    damaged(refusal, "keyring");
}

#[tokio::test]
async fn half_a_snapshot_does_not_keep_it_from_opening() {
    let dir = filled().await;
    fs::write(dir.path().join("store/snap.00000000DEADBEEF.generating"), b"half").unwrap();
    open(dir.path()).unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_all_but_removals() {
    let dir = filled().await;
    let full = SledOptions { min_free_bytes: u64::MAX, ..SledOptions::default() };
    let store = open_with(dir.path(), full, mac()).unwrap();
    refused(store.commit(vec![insert(&pair("a", 2))]).await, Reason::StorageFull);
    refused(store.check(Depth::Probe).await, Reason::StorageFull);
    assert_eq!(store.note(Note::Count(&project("a"))).await.unwrap(), Noted::Count(1));
    store.commit(vec![remove(&pair("a", 1))]).await.unwrap();
}

#[tokio::test]
async fn a_closed_store_takes_no_commits() {
    let dir = filled().await;
    let store = open(dir.path()).unwrap();
    store.close();
    refused(store.commit(vec![insert(&pair("a", 2))]).await, Reason::StoreUnavailable);
    assert!(store.get(Lookup::Id(&project("a"), id(1)), true).await.unwrap().is_some());
}

/// A commit that was sent happens, though its caller went away.
#[tokio::test]
async fn a_dropped_call_still_commits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    {
        let changes = vec![insert(&pair("a", 1))];
        let mut call = store.commit(changes);
        // Polled once: it is sent.
        assert!(futures_poll(&mut call).await.is_none());
    }
    store.close();
    assert_eq!(store.note(Note::Count(&project("a"))).await.unwrap(), Noted::Count(1));
}

#[tokio::test]
async fn every_thread_is_under_the_filter() {
    let _dir = filled().await;
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        if let Ok(status) = fs::read_to_string(task.path().join("status")) {
            assert!(status.contains("Seccomp:\t2"), "{status}");
        }
    }
}

/// A write that the system refuses (here: a file may not grow over 8 MiB) ends the store: nothing is answered `Ok`
/// after it, the process is told, what was answered is there afterwards.
#[tokio::test]
async fn a_refused_write_ends_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let child = std::process::Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 8192; exec \"$0\" --exact --ignored \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg("conformance_store::sled_only::fills_a_small_file")
        .env("KEYPAIRS_TEST_DIR", dir.path())
        .output()
        .unwrap();
    let talk = format!("{}{}", String::from_utf8_lossy(&child.stdout), String::from_utf8_lossy(&child.stderr));
    assert!(child.status.success() && talk.contains("1 passed"), "{talk}");
    let acked: u64 = fs::read_to_string(dir.path().join("acked")).unwrap().parse().unwrap();
    let bed = Bed::Sled { store: Some(open(dir.path()).unwrap()), dir };
    for number in 0..acked {
        assert!(bed.by_id(&pair("a", number)).await.unwrap().is_some());
    }
    assert_eq!(bed.findings().await, vec![]);
}

#[tokio::test]
#[ignore = "the child of a_refused_write_ends_the_store"]
async fn fills_a_small_file() {
    let dir = std::path::PathBuf::from(std::env::var_os("KEYPAIRS_TEST_DIR").unwrap());
    let (told, tells) = std::sync::mpsc::channel();
    let on_fatal = Arc::new(move |fatal| told.send(fatal).unwrap());
    let entropy = keypairs::clock::OsEntropy;
    let store = SledStore::open(&dir, SledOptions::default(), mac(), &entropy, on_fatal).unwrap();
    let mut acked = 0;
    let error = loop {
        let changes = (0..20).map(|n| insert(&pair("a", acked + n))).collect();
        match store.commit(changes).await {
            Ok(()) => acked += 20,
            Err(error) => break error,
        }
    };
    assert_eq!(error.reason, Reason::StoreUnavailable, "{error}");
    assert!(acked > 0);
    let fatal = tells.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!(fatal.exit_code(), 74, "{fatal}");
    refused(store.commit(vec![remove(&pair("a", 0))]).await, Reason::StoreUnavailable);
    refused(store.check(Depth::Probe).await, Reason::StoreUnavailable);
    // Reads are not promised any more: sled fails those that its cache does not hold. They do not lie and do not hang.
    match store.get(Lookup::Id(&project("a"), id(0)), true).await {
        Ok(row) => assert!(row.is_some()),
        Err(error) => assert_eq!(error.reason, Reason::StoreUnavailable, "{error}"),
    }
    assert!(tells.try_recv().is_err(), "told twice");
    fs::write(dir.join("acked"), acked.to_string()).unwrap();
}

/// A directory with one pair in its store.
async fn filled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).unwrap();
    store.commit(vec![insert(&pair("a", 1))]).await.unwrap();
    drop(store);
    dir
}

fn refusal(data: &Path) -> Fatal {
    open(data).map(|_: SledStore| ()).unwrap_err()
}

#[track_caller]
fn damaged(fatal: Fatal, word: &str) {
    assert!(matches!(&fatal, Fatal::Damaged(what) if what.contains(word)), "{fatal}");
    assert_eq!(fatal.exit_code(), 65);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap().flatten() {
        match file.file_type().unwrap().is_dir() {
            true => copy_folder(&file.path(), &to.join(file.file_name())),
            false => drop(fs::copy(file.path(), to.join(file.file_name())).unwrap()),
        }
    }
}

async fn futures_poll<T>(future: &mut (impl Future<Output = T> + Unpin)) -> Option<T> {
    let mut future = std::pin::Pin::new(future);
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
