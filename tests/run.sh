#!/usr/bin/env bash
# The one test command. On a fresh machine with Rust it installs what the tests need (tests/tools.sh), then runs every
# test. The last line is "N passed, M failed"; the exit code is 0 only when M is 0. Nothing is skipped in silence: what
# cannot run fails, or stands in the summary as a note.
#
#   tests/run.sh              everything
#   tests/run.sh NAME...      only the steps whose name contains one of these, after the tools
#
# A new step: a function below and a line at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/steps.sh
source tests/tools.sh

CHOSEN=("$@")
RAN=0

cargo_build() {
    cargo build --locked
}

cargo_tests() {
    local log=$STEP_DIR/cargo rc=0 passed failed ignored
    if cargo nextest --version > /dev/null 2>&1; then
        cargo nextest run --locked --no-fail-fast 2>&1 | tee "$log" || rc=$?
        passed=$(count '([0-9]+) passed' < <(grep -a 'tests\? run:' "$log"))
        failed=$(count '([0-9]+) (failed|timed out|exec failed)' < <(grep -a 'tests\? run:' "$log"))
        ignored=$(count '([0-9]+) skipped' < <(grep -a 'tests\? run:' "$log"))
    else
        cargo test --locked --no-fail-fast --lib --bins --tests 2>&1 | tee "$log" || rc=$?
        passed=$(count '([0-9]+) passed' < <(grep -a '^test result:' "$log"))
        failed=$(count '([0-9]+) failed' < <(grep -a '^test result:' "$log"))
        ignored=$(count '([0-9]+) ignored' < <(grep -a '^test result:' "$log"))
    fi
    counted "$passed" "$failed"
    if ((ignored > 0)); then note "marked #[ignore] and not run: $ignored"; fi
    return $rc
}

doc_tests() {
    cargo test --locked --doc
}

# A Python script under tests, with its arguments: it prints what it proves and ends with "NAME: N proved, M failed".
python_script() {
    local log=$STEP_DIR/python rc=0
    "$VENV/bin/python" "tests/$1.py" "${@:2}" 2>&1 | tee "$log" || rc=$?
    counted "$(count '([0-9]+) proved' < <(tail -n 1 "$log"))" "$(count '([0-9]+) failed' < <(tail -n 1 "$log"))"
    return $rc
}

buf_lint() {
    "$VENV/bin/buf" lint
}

# run NAME FUNCTION [ARGUMENT...]: a step, when it was chosen.
run() {
    local word
    if ((${#CHOSEN[@]} == 0)); then
        step "$@"
        return
    fi
    for word in "${CHOSEN[@]}"; do
        if [[ $1 == *"$word"* ]]; then
            RAN=1
            step "$@"
            return
        fi
    done
}

step "Debian packages" debian_packages
step "tools in .tools" python_venv
if ((FAILED > 0)); then summary; fi

TARGET=${CARGO_TARGET_DIR:-target}
KEYPAIRS_BIN=${KEYPAIRS_BIN:-$(realpath -m "$TARGET/debug/keypairs")}   # set it to test another build
export KEYPAIRS_BIN
export PATH=$PATH:/usr/sbin:/sbin

step "build" cargo_build
if ((FAILED > 0)); then summary; fi

run "cargo test" cargo_tests
run "doc tests" doc_tests
run "buf lint" buf_lint
run "grpcurl" python_script py/grpcurl_all
run "pages" python_script py/pages
run "README" python_script py/readme
run "sshd login" python_script py/sshd_login
run "badkeys" python_script py/badkeys_oracle
run "formats" python_script py/formats
run "doubles" python_script sdk/test_doubles
# The doubles are what adapters are proved against: so the official SDKs have to find in them the clouds they know.
run "SDK at the double: baidu" python_script sdk/test_baidu --at double
run "SDK at the double: tencent" python_script sdk/test_tencent --at double
run "SDK at the double: huawei" python_script sdk/test_huawei --at double
run "seeds at the double" python_script sdk/seeds --at double
run "limits at the double" python_script sdk/limits --at double
run "SDK at the face: baidu" python_script sdk/test_baidu --at face
run "SDK at the face: tencent" python_script sdk/test_tencent --at face
run "SDK at the face: huawei" python_script sdk/test_huawei --at face
run "seeds at the face" python_script sdk/seeds --at face
run "limits at the face" python_script sdk/limits --at face
run "storm at the face, short" python_script sdk/storm --at face --seconds 5
run "loop" python_script sdk/loop
run "clouds" python_script sdk/clouds --pairs 120
run "crash matrix, short" python_script sdk/crash_matrix --short --parallel 8
run "system calls" python_script trace
run "power loss" python_script power_loss   # as root

nothing_chosen() {
    echo "no step's name contains any of: ${CHOSEN[*]}" >&2
    return 1
}

if ((${#CHOSEN[@]} > 0 && RAN == 0)); then step "choice of steps" nothing_chosen; fi
summary
