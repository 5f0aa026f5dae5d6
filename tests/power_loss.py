#!/usr/bin/env python3
"""Power cuts: the real server on an ext4 image on a loop device, the image copied at a random moment, mounted again.

    tests/power_loss.py                      3 images at 64 callers and 2 at 256
    tests/power_loss.py --long               30 and 15
    tests/power_loss.py --images 256:5       5 images at 256 callers
    tests/power_loss.py --without fsync      a second build, without the seccomp filter and without the committer's
                                             own fsync: it must LOSE data; exit code 0 says that it did
    tests/power_loss.py --without filter     only the filter is taken out; the committer's fsync still stands

Needs root, loop devices, mkfs.ext4 and mount; says so and fails where they are missing. The work itself is
tests/it/power_loss.rs. $KEYPAIRS_BIN is another build of the server, $KEYPAIRS_SEED repeats a run's choices.
The last line is "power_loss: N proved, M failed".
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEST = "power_loss::what_was_acknowledged_survives_a_power_cut"
SHORT, LONG = "64:3,256:2", "64:30,256:15"
WITHOUT = "256:20"


def main():
    options = arguments()
    missing = what_is_missing()
    if missing:
        end(0, 1, f"cannot run here: {missing}")
    environment = dict(os.environ)
    if options.without:
        environment["KEYPAIRS_BIN"] = str(build_without(options.without))
        environment["KEYPAIRS_POWER_LOSS"] = options.images or WITHOUT
        environment["KEYPAIRS_POWER_LOSS_UNTIL_BAD"] = "1"
    else:
        environment["KEYPAIRS_POWER_LOSS"] = options.images or (LONG if options.long else SHORT)
    code, images, bad = run_images(environment)
    if options.without:
        lost = bad > 0 and code != 0
        told = "data are lost, and the test sees it" if lost else f"nothing was lost in {images} images"
        end(int(lost), int(not lost), f"without the {options.without}: {told}")
    end(images - bad, bad if bad or code == 0 else 1, f"{images} images, {bad} bad")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--without", choices=["fsync", "filter"])
    parser.add_argument("--images", metavar="CALLERS:IMAGES,...")
    return parser.parse_args()


def what_is_missing():
    """Why this cannot run; empty when it can."""
    if os.geteuid() != 0:
        return "not root"
    if not Path("/dev/loop-control").exists():
        return "no /dev/loop-control (the kernel has no loop devices, or the container hides them)"
    for program in ("mkfs.ext4", "mount", "umount", "cp", "cargo"):
        if shutil.which(program) is None:
            return f"no {program}"
    return ""


def run_images(environment):
    """Runs the Rust test; returns its exit code, how many images it made, and how many were bad."""
    command = ["cargo", "test", "--test", "it", "--", "--ignored", "--exact", "--nocapture", TEST]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    images, bad = 0, 0
    for line in process.stdout:
        print(line, end="", flush=True)
        told = re.match(r"power loss: (\d+) images, (\d+) bad", line)
        if told:
            images, bad = map(int, told.groups())
    code = process.wait()
    if images == 0:
        end(0, 1, "no image was made")
    return code, images, bad


def build_without(what):
    """Builds in a folder of its own, so that no other build is ever mistaken for this one."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folder = target / "without"
    if not folder.exists() and (target / "debug").exists():
        # The dependencies are the same: the wrapper concerns this package only.
        (folder / "debug").mkdir(parents=True)
        for part in ("deps", "build", ".fingerprint"):
            subprocess.run(["cp", "-a", target / "debug" / part, folder / "debug"], check=True)
    environment = {
        **os.environ,
        "CARGO_TARGET_DIR": str(folder),
        "RUSTC_WORKSPACE_WRAPPER": str(ROOT / "tests" / f"without_{what}.sh"),
    }
    subprocess.run(["cargo", "build", "--locked", "--bin", "keypairs"], cwd=ROOT, env=environment, check=True)
    return folder / "debug" / "keypairs"


def end(proved, failed, what):
    print(what)
    print(f"power_loss: {proved} proved, {failed} failed", flush=True)
    sys.exit(0 if failed == 0 and proved > 0 else 1)


if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    main()
