# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154
#
# The fixed session (tests/perf/session.c) built and run under callgrind, for perf-gate and flame,
# which set `scratch`. To be sourced by bash, on top of scripts/server.sh:
#
#   folder_of COMPILER            configures a folder of its own with the default flags, and sets
#                                 `folder` to it
#   make_in FOLDER PROGRAM ...    makes them, where the flags are those that the figures are of
#   under_callgrind FOLDER ...    the session: parts go to $scratch/part.N, and a line for each,
#                                 "case operations", to $scratch/cases
#   longest_turns FOLDER          of tests/perf/turns.c; prints lines "case instructions turns"
#   stacks_of FOLDER CASE         the case's stacks (stacks.awk) go to $scratch/stacks; sets
#                                 `operations`
#   stacks_out_of_part CASE       the same of parts that are there

folder_of() {
    folder=$root/build/perf-$1
    need_packages "$1" || exit 1
    out_of_tree
    mkdir -p "$folder" || exit 1
    if [ ! -e "$folder/Makefile" ]; then
        (bootstrap && cd "$folder" && env -u CFLAGS "$root/configure" -q "CC=$1") \
            >"$folder/build.log" 2>&1 </dev/null || {
            tail -n 15 "$folder/build.log" >&2
            fail "configure failed with $1; all of it is in $folder/build.log"
        }
    fi
}

make_in() {
    local folder=$1 flags

    shift
    [ -e "$folder/Makefile" ] || fail "$folder is not a build folder"
    flags=$(sed -n 's/^CFLAGS = //p; s/^SANITIZE = *//p' "$folder/Makefile" | tr '\n' ' ')
    [[ $flags =~ ^\ *-g\ -O2\ *$ ]] ||
        fail "$folder is built with \"${flags% }\"; the figures are of the default flags, \"-g -O2\""
    make -s -C "$folder" -j"$(nproc)" "$@" \
        >"$scratch/make.log" 2>&1 </dev/null || {
        tail -n 15 "$scratch/make.log" >&2
        fail "the programs could not be made in $folder"
    }
}

# Which variants of memcpy and the like the C library takes depends on the CPU, and what the
# allocator does in the background on the time: both are held still. Debian's valgrind cannot read
# what clang writes for debuggers; the names of functions are no part of that.
callgrind() {
    local program=$1

    shift
    rm -f "$scratch"/part*
    strip -g -o "$scratch/session" "$program" || fail "$program is not there"
    env -i PATH="$PATH" GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX2,-AVX,-ERMS,-FSRM,-BMI2,-LZCNT \
        MALLOC_CONF=dirty_decay_ms:-1,muzzy_decay_ms:-1 \
        valgrind -q --tool=callgrind --callgrind-out-file="$scratch/part" --compress-strings=no \
        --compress-pos=no --collect-atstart=no "$@" \
        "$scratch/session" >"$scratch/cases" 2>"$scratch/callgrind.log" || {
        tail -n 15 "$scratch/callgrind.log" >&2
        fail "$program failed under callgrind"
    }
}

under_callgrind() {
    local program=$1/${DUNLIN_PERF_SESSION:-perf_session}

    shift
    callgrind "$program" --toggle-collect=counted_turn --toggle-collect=counted_pack \
        --toggle-collect=counted_unpack --zero-before=perf_session_case_begins \
        --dump-after=perf_session_case_ends "$@"
}

# What a worker calls an engine with; none of them calls another.
readonly engine_entries="client_open client_input client_drained client_closed link_open link_input
    link_closed peer_opened peer_input peer_closed wake heed turn_end"

longest_turns() {
    local entry
    local -a entries=()

    for entry in $engine_entries; do
        entries+=("--toggle-collect=engine_$entry")
    done
    callgrind "$1/${DUNLIN_PERF_TURNS:-perf_turns}" "${entries[@]}" --zero-before=perf_turns_idle_turn_ends \
        --dump-before=perf_turns_case_begins --dump-after=perf_turns_turn_ends \
        --dump-after=perf_turns_case_ends
    find "$scratch" -name 'part.*' -print0 | sort -zV | xargs -0 cat |
        awk -f "$root/scripts/perf/turns.awk" "$scratch/cases" - || fail "callgrind left no turns"
}

stacks_of() {
    under_callgrind "$1" --separate-callers=40 --separate-recs=1
    stacks_out_of_part "$2"
}

stacks_out_of_part() {
    local part

    part=$(awk -v name="$1" '$1 == name { print NR, $2 }' "$scratch/cases")
    [ -n "$part" ] ||
        fail "there is no case $1; there are: $(awk '{ printf "%s ", $1 }' "$scratch/cases")"
    # shellcheck disable=SC2034 # for the caller
    operations=${part#* }
    awk -f "$root/scripts/perf/stacks.awk" "$scratch/part.${part% *}" >"$scratch/stacks"
}
