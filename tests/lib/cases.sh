# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A frame for tests in bash, to be sourced:
#
#   succeeds NAME COMMAND ...        the command must end with 0
#   fails NAME PATTERN COMMAND ...   it must end with another status and print what matches PATTERN
#   close_cases                      prints "N passed, N failed, N skipped"; the status of the script
#
# `scratch` is a folder of the script's own, removed at its end.

passed=0 failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

case_passes() {
    echo "ok: $1"
    passed=$((passed + 1))
}

case_fails() {
    echo "FAILED: $1: $2"
    sed 's/^/    /' "$scratch/output"
    failed=$((failed + 1))
}

succeeds() {
    local name=$1 status=0
    shift
    "$@" >"$scratch/output" 2>&1 </dev/null || status=$?
    if [ $status -eq 0 ]; then
        case_passes "$name"
    else
        case_fails "$name" "status $status"
    fi
}

fails() {
    local name=$1 pattern=$2 status=0
    shift 2
    "$@" >"$scratch/output" 2>&1 </dev/null || status=$?
    if [ $status -eq 0 ]; then
        case_fails "$name" "status 0"
    elif ! grep -Eq -- "$pattern" "$scratch/output"; then
        case_fails "$name" "nothing matches '$pattern'"
    else
        case_passes "$name"
    fi
}

close_cases() {
    echo "$passed passed, $failed failed, 0 skipped"
    [ $failed -eq 0 ]
}
