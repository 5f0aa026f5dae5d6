# Sourced by tests/run.sh and .ci/run: runs named steps in order, times them, counts, and never skips in silence.
#
# A step is a function. It fails when any of its commands fails (set -e holds inside). It may call `counted P F` to
# tell how many checks it made; a step that does not counts as one. `note` puts a line into the summary.

PASSED=0
FAILED=0
SUMMARY=()
STEP_DIR=$(mktemp -d "${TMPDIR:-/tmp}/keypairs-steps.XXXXXX")
trap 'rm -rf "$STEP_DIR"' EXIT

# step NAME FUNCTION [ARGUMENT...]
step() {
    local name=$1 rc began passed failed line
    shift
    began=$SECONDS
    : > "$STEP_DIR/counted"
    : > "$STEP_DIR/notes"
    printf '\n== %s\n' "$name"
    # Not inside `if` or `||`: there bash would ignore set -e in the step.
    set +e
    (set -euo pipefail; "$@")
    rc=$?
    set -e
    passed=0
    failed=0
    while read -r p f; do
        passed=$((passed + p))
        failed=$((failed + f))
    done < "$STEP_DIR/counted"
    if ((rc == 0 && passed + failed == 0)); then passed=1; fi
    if ((rc != 0 && failed == 0)); then failed=1; fi
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
    line=$(printf '%-28s %5d passed %4d failed %6d s' "$name" "$passed" "$failed" $((SECONDS - began)))
    SUMMARY+=("$line")
    while IFS= read -r line; do SUMMARY+=("    note: $line"); done < "$STEP_DIR/notes"
    return 0
}

# counted PASSED FAILED: adds to the step that runs.
counted() { printf '%d %d\n' "$1" "$2" >> "$STEP_DIR/counted"; }

# count REGEX: the sum of the numbers that its matches on standard input start with.
count() {
    { grep -aoE "$1" || true; } | awk '{ sum += $1 } END { print sum + 0 }'
}

# note TEXT: a line for the summary, such as what was not run and why.
note() {
    printf 'note: %s\n' "$*"
    printf '%s\n' "$*" >> "$STEP_DIR/notes"
}

# summary: prints all steps and, as the last line, the sum. Ends the script.
summary() {
    printf '\n== summary\n'
    if ((${#SUMMARY[@]})); then printf '%s\n' "${SUMMARY[@]}"; fi
    printf '%d passed, %d failed\n' "$PASSED" "$FAILED"
    if ((FAILED > 0 || PASSED == 0)); then exit 1; fi
    exit 0
}
