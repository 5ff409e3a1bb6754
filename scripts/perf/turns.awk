# SPDX-License-Identifier: BSD-3-Clause
#
# Of each case of perf_turns the instructions of the longest turn, and how many turns there were: out
# of the names of the cases, and then all parts that callgrind wrote, in their order. What a part is
# of, its trigger says: what was before a case begins, a turn, or what was behind its last one.

FILENAME == ARGV[1] {
    names[++cases] = $1
    next
}
/^desc: Trigger: / { trigger = $0 }
/^totals: / {
    if (trigger ~ /perf_turns_case_begins/) {
        turns = longest = 0
    } else if (trigger ~ /perf_turns_turn_ends/) {
        turns++
        if ($2 > longest)
            longest = $2
    } else if (trigger ~ /perf_turns_case_ends/) {
        if (turns == 0)
            exit 1
        print names[++ended], longest, turns
    }
    trigger = ""
}
END { exit cases == 0 || ended != cases }
