#!/usr/bin/env python3
"""The crash matrix: kill -9 at each step of a call's journal, times what a cloud can do with a request, times three
clouds.

    python tests/sdk/crash_matrix.py [--short] [--only REGEX] [--parallel 16] [--seed N] [--list] [--keep]
                                     [--failpoints NAME,NAME] [--slow SECONDS] [--settle 60] [--provider-lines FILE]

Each combination has a `keypairs serve` ($KEYPAIRS_BIN) of its own and accounts of its own at the doubles, and is run
by matrix/scenario.py: a call, a fault at the cloud, a kill, a restart; then within 60 s of the recovery
matrix/judge.py must find nothing wrong: remote keys = our records, no ACTIVE pair whose private half does not open,
none doubled, none stranded; and the same request sent again changes nothing. Steps between a service and its cloud
are found with the doubles' gates; steps inside the service with failpoints: the service, started with
KEYPAIRS_FAILPOINT=NAME, ends as by kill -9 when it first comes to NAME.

--short runs some forty combinations in which every call, cloud, fault and step is met: for each merge. --slow is how
long the slow cloud takes (beyond the provider's timeout in the config: it lands late). --provider-lines: a file with
lines for each [providers.*] section, such as a short timeout. --seed repeats the choices of a run, not its timing.
"""

import argparse
import re
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from doubles_client import Doubles
from place import Claims
from harness import stubs  # its folder is on the path since `place`
from matrix import combinations, judge
from matrix.scenario import Scenario

SHORT = 40
LEAST = 300
# Lines of each [providers.*] section: timeouts so short that the matrix is fast, and that no answer on time exceeds.
PROVIDER_LINES = ["timeout_seconds = 2", "connect_timeout_seconds = 1"]


def main():
    options = arguments()
    claims = Claims("crash_matrix")
    chosen = choose(options)
    if options.list:
        print("\n".join(map(str, chosen)))
        print(f"{len(chosen)} combinations")
        sys.exit(0)
    try:
        for what, holds in judge.proof():
            claims.that(holds, what)
        everything = len(combinations.everything())
        claims.that(everything >= LEAST, f"the matrix has {everything} combinations")
        claims.that(chosen, f"{len(chosen)} of them are chosen")
        run(claims, chosen, options)
    except Exception as fault:
        import traceback

        traceback.print_exc()
        claims.that(False, "the script came to its end", repr(fault)[:500])
    claims.end()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", metavar="REGEX", default="")
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folders of what went wrong")
    parser.add_argument("--failpoints", metavar="NAME,...", default="")
    parser.add_argument("--slow", type=float, default=4)
    parser.add_argument("--settle", type=float, default=60)
    parser.add_argument("--provider-lines", metavar="FILE")
    options = parser.parse_args()
    lines = Path(options.provider_lines).read_text().splitlines() if options.provider_lines else PROVIDER_LINES
    options.provider_lines = lines
    return options


def choose(options):
    """The combinations of this run."""
    failpoints = [name for name in options.failpoints.split(",") if name]
    chosen = [one for one in combinations.everything(failpoints) if re.search(options.only, str(one))]
    return combinations.short(chosen, SHORT, options.seed) if options.short else chosen


def run(claims, chosen, options):
    made = stubs()
    began, slowest, outcomes = time.monotonic(), 0, Counter()
    with Doubles() as doubles, ThreadPoolExecutor(options.parallel) as pool:
        work = [pool.submit(Scenario(one, doubles, made, options).run) for one in chosen]
        for done in as_completed(work):
            result = done.result()
            outcomes[result.outcome] += 1
            slowest = max(slowest, result.settled)
            notes = "".join(f"\n          {note}" for note in result.notes)
            claim = f"{result.combination}: {result.outcome}, settled after {result.settled:.1f} s"
            claims.that(not result.wrong, claim, "; ".join(result.wrong) + notes)
        counts = doubles.ask("GET", "/counts")
        refused = {cloud: counts[cloud]["refused_signatures"] for cloud in combinations.CLOUDS}
        claims.same(sum(refused.values()), 0, "the official SDKs' signing code found every signature right")
    took = time.monotonic() - began
    print(f"  {len(chosen)} combinations in {took:.0f} s; the slowest settled after {slowest:.1f} s")
    print(f"  the calls were {dict(outcomes)}")


if __name__ == "__main__":
    main()
