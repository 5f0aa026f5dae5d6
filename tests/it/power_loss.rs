//! A power cut: what the disk held at a random moment is mounted again, and every acknowledged pair is there.
//!
//! The store lies on an ext4 image on a loop device. While callers create pairs the server is stopped and the image is
//! copied: the copy has what was written back, and not what was only in the page cache of the mounted file system.
//! tests/power_loss.py runs this; a lying disk cache is not simulated.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tempfile::TempDir;

use crate::crash::seed;
use crate::crash::step::{self, Client};
use crate::crash::writer::{export, get, request_id};
use crate::server::{Place, Server};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root and loop devices: tests/power_loss.py runs it"]
async fn what_was_acknowledged_survives_a_power_cut() {
    let (mut rng, mut sum) = (StdRng::seed_from_u64(seed()), Sum::default());
    'plan: for (callers, images) in plan() {
        for number in 1..=images {
            let cut = cut_power(callers, &mut rng).await;
            let outcome = reopen(&cut).await;
            println!("{callers} callers, image {number}: {} acknowledged, {outcome:?}", cut.acked.len());
            sum.add(cut.acked.len(), &outcome);
            if sum.bad > 0 && std::env::var_os("KEYPAIRS_POWER_LOSS_UNTIL_BAD").is_some() {
                break 'plan;
            }
        }
    }
    let Sum { images, bad, acked, lost } = sum;
    println!("power loss: {images} images, {bad} bad, {acked} acknowledged, {lost} lost");
    assert_eq!((bad, lost), (0, 0), "acknowledged pairs are lost");
}

#[derive(Default)]
struct Sum {
    images: usize,
    bad: usize,
    acked: usize,
    lost: usize,
}

impl Sum {
    fn add(&mut self, acked: usize, outcome: &Outcome) {
        self.images += 1;
        self.acked += acked;
        self.bad += usize::from(!matches!(outcome, Outcome::Good));
        self.lost += match outcome {
            Outcome::Good => 0,
            Outcome::Lost(count) => *count,
            Outcome::Refused(_) => acked,
        };
    }
}

/// What became of an image.
#[derive(Debug)]
enum Outcome {
    Good,
    /// It serves, without so many of the acknowledged pairs.
    Lost(usize),
    /// It does not start, or `store verify` is not content.
    Refused(#[allow(dead_code)] String), // printed
}

/// The disk after a power cut, and what callers had been told before it.
struct Cut {
    disk: Disk,
    acked: Vec<Acked>,
}

struct Acked {
    id: String,
    name: String,
    file: String,
}

/// `64:3,256:2`: callers and images.
fn plan() -> Vec<(usize, usize)> {
    let text = std::env::var("KEYPAIRS_POWER_LOSS").expect("KEYPAIRS_POWER_LOSS is CALLERS:IMAGES,...");
    let number = |text: &str| text.parse().expect("a number");
    text.split(',')
        .map(|part| part.split_once(':').expect("CALLERS:IMAGES"))
        .map(|(a, b)| (number(a), number(b)))
        .collect()
}

async fn cut_power(callers: usize, rng: &mut StdRng) -> Cut {
    let disk = Disk::new();
    let place = Place::at(&disk.mount());
    place.configure("[quota]\nkey_pairs_per_project = 1000000\n");
    let server = place.serve_at_level("info,audit=warn");
    let load = Load::start(&server, callers, rng).await;
    load.is_under_way(callers).await;
    tokio::time::sleep(Duration::from_millis(rng.random_range(0..=3000))).await;
    server.signal("STOP");
    let copied = disk.copy();
    server.kill();
    Cut { disk: copied, acked: load.end().await }
}

/// Starts the server on what the disk held.
async fn reopen(cut: &Cut) -> Outcome {
    let place = Place::at(&cut.disk.mount());
    let server = match place.try_serve(Duration::from_secs(90)) {
        Ok(server) => server,
        Err(ended) => {
            let why = ended.log.lines().last().unwrap_or_default().to_owned();
            return Outcome::Refused(format!("exit code {:?}: {why}", ended.code));
        }
    };
    let mut client = server.client().await;
    let mut lost = 0;
    for acked in &cut.acked {
        if !is_there(&mut client, acked).await {
            lost += 1;
        }
    }
    assert!(server.stop().success());
    match (lost, place.verify()) {
        (0, (true, _)) => Outcome::Good,
        (0, (false, talk)) => Outcome::Refused(talk),
        (lost, _) => Outcome::Lost(lost),
    }
}

async fn is_there(client: &mut Client, acked: &Acked) -> bool {
    let named = get(client, &acked.id).await.is_ok_and(|pair| pair.name == acked.name);
    named && export(client, &acked.id).await.is_ok_and(|file| file == acked.file)
}

/// Callers that create pairs until the server is gone.
struct Load {
    over: Arc<AtomicBool>,
    acked: Arc<Mutex<Vec<Acked>>>,
    callers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    async fn start(server: &Server, callers: usize, rng: &mut StdRng) -> Self {
        let (over, acked) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Vec<Acked>>>::default());
        let mut tasks = Vec::new();
        let mut client = server.client().await;
        for number in 0..callers {
            if number % CALLERS_PER_CONNECTION == 0 {
                client = server.client().await;
            }
            let rng = StdRng::seed_from_u64(rng.random());
            tasks.push(tokio::spawn(create_all(client.clone(), rng, Arc::clone(&over), Arc::clone(&acked))));
        }
        Self { over, acked, callers: tasks }
    }

    /// Waits until as many pairs are acknowledged as there are callers.
    async fn is_under_way(&self, callers: usize) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.acked.lock().unwrap().len() < callers {
            assert!(Instant::now() < end, "the callers are not answered");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// After the server's end: everything that it had answered.
    async fn end(self) -> Vec<Acked> {
        self.over.store(true, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.unwrap();
        }
        std::mem::take(&mut self.acked.lock().unwrap())
    }
}

async fn create_all(mut client: Client, mut rng: StdRng, over: Arc<AtomicBool>, acked: Arc<Mutex<Vec<Acked>>>) {
    while !over.load(Ordering::Relaxed) {
        let name = format!("n{:032x}", rng.random::<u128>());
        let create = fat(step::create(&name, request_id(&mut rng)), &mut rng);
        let Ok(answer) = create.send(&mut client).await else { return };
        let (id, file) = (answer.pair.unwrap().id, answer.file.unwrap());
        acked.lock().unwrap().push(Acked { id, name, file });
    }
}

/// With labels of up to 2 KiB: sled begins a new segment every 2 MiB, and cuts around that are of interest.
fn fat(mut step: step::Step, rng: &mut StdRng) -> step::Step {
    if let step::Step::Create(request) = &mut step {
        let labels =
            (0..rng.random_range(0..20)).map(|key| (format!("k{key}"), format!("{:0100x}", rng.random::<u128>())));
        request.labels = labels.collect();
    }
    step
}

/// A file with a file system, mounted.
struct Disk {
    dir: TempDir,
}

impl Disk {
    /// A fresh one.
    fn new() -> Self {
        let disk = Self { dir: tempfile::tempdir().unwrap() };
        let file = fs::File::create(disk.image()).unwrap();
        file.set_len(IMAGE_BYTES).unwrap();
        drop(file);
        run("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), &disk.image()]);
        disk.mounted()
    }

    /// What the disk holds now, replayed by a mount of its own: the loop device writes to the image file, so the copy
    /// has no page of the mounted file system that was not written back.
    fn copy(&self) -> Self {
        let disk = Self { dir: tempfile::tempdir().unwrap() };
        run("cp", &["--sparse=always".as_ref(), &self.image(), &disk.image()]);
        disk.mounted()
    }

    fn mounted(self) -> Self {
        fs::create_dir(self.mount()).unwrap();
        run("mount", &["-o".as_ref(), "loop".as_ref(), &self.image(), &self.mount()]);
        self
    }

    fn image(&self) -> PathBuf {
        self.dir.path().join("image")
    }

    fn mount(&self) -> PathBuf {
        self.dir.path().join("disk")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.mount()).status();
    }
}

#[track_caller]
fn run(program: &str, arguments: &[&Path]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

const IMAGE_BYTES: u64 = 256 << 20;
const CALLERS_PER_CONNECTION: usize = 32;
