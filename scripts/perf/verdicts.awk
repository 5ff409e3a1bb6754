# SPDX-License-Identifier: BSD-3-Clause
#
# Figures beside those recorded: a table with a verdict for each, and then how many passed, failed
# and were skipped. Reads the recorded file first, then the one found; a line of both is
#
#   what whose case figure
#
# A figure that grew by more than 5 % fails; so does one that is new, or recorded and not found. One
# that fell by as much passes, and wants to be recorded: what it gained could be lost unseen.
#
# The system calls of three nodes may grow by 15 %: in which order the kernel lets their processes run
# moves them by a tenth from one cluster to the next. One more call in a turn is over 20 %.
#
# The longest turn may grow by 10 %: where freeing begins and ends among the turns moves by 2 % from run to
# run. A turn of over turn_limit instructions fails whatever is recorded: at 0.8 a cycle, which is what a GET
# without a pipeline has (docs/PERFORMANCE.md), and 3 GHz that is 1 ms.
#
#   whose  the compilers that were looked at (and `any`): of no other is a figure missed

BEGIN {
    usual_limit = 0.05
    nodes_limit = 0.15
    turns_limit = 0.1
    turn_limit = 2400000
    tiny = 0.001 # of a figure of 0 there is no part
    count = split(whose, list, " ")
    for (at = 1; at <= count; at++)
        looked[list[at]] = 1
}

/^#/ || NF == 0 { next }
NF != 4 || $4 !~ /^[0-9]+(\.[0-9]+)?$/ {
    printf "%s:%d: not \"what whose case figure\": %s\n", FILENAME, FNR, $0
    broken = 1
    exit
}
{ key = $1 " " $2 " " $3 }
FILENAME == ARGV[1] {
    recorded[key] = $4
    owner[key] = $2
    known[$1 " " $2] = 1
    next
}
{
    if (!(key in found))
        order[++orders] = key
    found[key] = $4
    group[key] = $1 " " $2
    looked_group[$1 " " $2] = 1
}

function line(key, was, is, change, verdict, words) {
    split(key, words, " ")
    printf "%-12s %-16s %-24s %10s %10s %8s  %s\n", words[1], words[2], words[3], was, is, change,
        verdict
}

END {
    if (broken)
        exit 2
    printf "%-12s %-16s %-24s %10s %10s %8s  %s\n", "what", "whose", "case", "recorded", "found",
        "change", "verdict"
    for (at = 1; at <= orders; at++) {
        key = order[at]
        if (!(key in recorded)) {
            if (group[key] in known) {
                line(key, "-", found[key], "-", "FAILED: not recorded")
                failed++
            } else {
                line(key, "-", found[key], "-", "skipped: nothing recorded")
                skipped++
            }
            continue
        }
        limit = usual_limit
        if (key ~ /^system-calls .* quorum-/)
            limit = nodes_limit
        else if (key ~ /^longest-turn /)
            limit = turns_limit
        was = recorded[key]
        is = found[key]
        change = was > tiny ? sprintf("%+.1f%%", 100 * (is - was) / was) : "-"
        if (is > was * (1 + limit) + tiny) {
            line(key, was, is, change, sprintf("FAILED: grew by over %.0f %%", limit * 100))
            failed++
        } else if (key ~ /^longest-turn / && is > turn_limit) {
            line(key, was, is, change, "FAILED: longer than any turn may be, " turn_limit)
            failed++
        } else {
            line(key, was, is, change, is < was * (1 - limit) - tiny ? "fell: record it" : "ok")
            passed++
        }
    }
    for (key in recorded) {
        split(key, words, " ")
        if (!(key in found) && (owner[key] in looked) && ((words[1] " " words[2]) in looked_group)) {
            line(key, recorded[key], "-", "-", "FAILED: not found")
            failed++
        }
    }
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0
}
