#!/usr/bin/env bash
# Fuzzes every reader of foreign and of stored bytes (fuzz/), each target for so many seconds, two at a time. Each input
# answers for its time (250 ms of CPU) and its heap (4 MiB), and what is read must survive being written. The last line
# is "fuzz: N proved, M failed".
#
#   tests/fuzz.sh                          10 seconds a target: what .ci/run runs
#   tests/fuzz.sh --long 3600              an hour a target: for a night
#   tests/fuzz.sh --million                a million runs or ten minutes a target, whichever is first
#   tests/fuzz.sh --long 600 ppk pkcs8     only these
#   tests/fuzz.sh --file FILE ppk          one input again
#
# The toolchain is the stable one: RUSTC_BOOTSTRAP lets it take the sanitizer's flag. All that is made lies in
# target/fuzz: the corpus grows there from run to run, and what fails is kept in target/fuzz/failed/TARGET.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/tools.sh

CARGO_FUZZ=0.13.2
HOME_DIR=target/fuzz
SECONDS_EACH=10
RUNS=-1   # no end
FILE=
case ${1-} in
    --long) SECONDS_EACH=$2; shift 2 ;;
    --million) SECONDS_EACH=600; RUNS=1000000; shift ;;
    --file) FILE=$2; shift 2 ;;
    -*) sed -n '2,13p' "$0" >&2; exit 2 ;;
esac
mapfile -t TARGETS < <(sed -n 's/^path = "fuzz_targets\/\(.*\)\.rs"$/\1/p' fuzz/Cargo.toml)
if (($# > 0)); then TARGETS=("$@"); fi

cargo_tool cargo-fuzz "$CARGO_FUZZ"
# 16 units instead of one: the targets run a little slower, and are there in half the time.
RUSTC_BOOTSTRAP=1 "$CARGO_TOOL" fuzz build --fuzz-dir fuzz --target-dir "$HOME_DIR" --codegen-units 16
BIN=$HOME_DIR/$(rustc -vV | sed -n 's/^host: //p')/release
# What libFuzzer and the sanitizer keep for themselves is not the input's: the heap of an input is measured in the target
# (fuzz/src/meter.rs). The limit of a whole process only finds what is never freed.
export ASAN_OPTIONS=quarantine_size_mb=16:detect_leaks=0:detect_stack_use_after_return=0:${ASAN_OPTIONS-}
LIMITS=(-timeout=10 -malloc_limit_mb=64 -rss_limit_mb=768 -max_len=16384 -dict=fuzz/keys.dict)

if [[ -n $FILE ]]; then exec "$BIN/${TARGETS[0]}" "${LIMITS[@]}" "$FILE"; fi

python3 fuzz/seeds.py $HOME_DIR/seeds

# fuzz_one TARGET: leaves its log and its line.
fuzz_one() {
    local target=$1 log=$HOME_DIR/log/$1 rc=0
    mkdir -p $HOME_DIR/{corpus,failed,log}/"$target"
    rmdir "$log"
    "$BIN/$target" "${LIMITS[@]}" -max_total_time="$SECONDS_EACH" -runs=$RUNS -print_final_stats=1 \
        -artifact_prefix=$HOME_DIR/failed/"$target"/ $HOME_DIR/corpus/"$target" $HOME_DIR/seeds/"$target" \
        > "$log" 2>&1 || rc=$?
    awk -v target="$target" -v rc=$rc '
        /^stat::number_of_executed_units/ { runs = $2 }
        /^stat::average_exec_per_sec/ { speed = $2 }
        /^stat::peak_rss_mb/ { rss = $2 }
        /cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") cov = $(i + 1) }
        /^taken: / { taken = $2 }
        /^Done / { seconds = $(NF - 1) }
        /^costs: / { slowest = $2; heap = $4 }
        END {
            printf "%-14s %-6s %9d runs %5d s %6d/s  taken %7d+  %5d edges  slowest %5.1f ms  heap %4d KiB  rss %3d MiB\n",
                target, rc ? "FAILED" : "ok", runs, seconds, speed, taken, cov, slowest / 1000, heap / 1024, rss
        }' "$log" > "$log.line"
    cat "$log.line"
    if ((rc != 0)); then grep -aE -A12 'panicked at|^==[0-9]+==|^SUMMARY|Test unit written' "$log" | head -40; fi
    return $rc
}

rm -rf $HOME_DIR/log
PASSED=0
FAILED=0
waiting=0
# gather: one of the two that run has ended.
gather() {
    if wait -n; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
    waiting=$((waiting - 1))
}
for target in "${TARGETS[@]}"; do
    fuzz_one "$target" &
    waiting=$((waiting + 1))
    if ((waiting == 2)); then gather; fi
done
while ((waiting > 0)); do gather; done
echo "fuzz: $PASSED proved, $FAILED failed"
((FAILED == 0))
