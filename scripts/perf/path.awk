# SPDX-License-Identifier: BSD-3-Clause
#
# What the steps of a path cost, as a table for docs/PERFORMANCE.md: each instruction belongs to the
# step of the innermost function on its stack that a step names, so the steps add up to the whole.
# Reads tests/perf/paths, then stacks (stacks.awk).
#
#   name, operations   of the case
#
# A step of functions that are on no stack, and instructions of no step, end it with 1: the path has
# changed, and tests/perf/paths is to follow.

FILENAME == ARGV[1] {
    if (/^#/ || NF == 0)
        next
    if ($1 == "case") {
        inside = $2 == name
        next
    }
    if (!inside)
        next
    text[++steps] = $0
    sub(/^[^|]*\| */, "", text[steps])
    root = $1
    sub(/:.*/, "", root)
    functions = $1
    sub(/^[^:]*:/, "", functions)
    count = split(functions, list, ",")
    first[steps] = list[1]
    for (at = 1; at <= count; at++)
        step_of[root, list[at]] = steps
    next
}

FNR == 1 { FS = "\t"; $0 = $0 }
{
    count = split($1, frame, ";")
    found = 0
    for (at = count; at >= 1 && !found; at--) {
        for (above = at; above >= 1 && !found; above--)
            if ((frame[above], frame[at]) in step_of)
                found = step_of[frame[above], frame[at]]
        if (!found && ("*", frame[at]) in step_of)
            found = step_of["*", frame[at]]
    }
    if (!found && $2 > 0) {
        printf "no step of %s has %s\n", name, $1 >"/dev/stderr"
        broken = 1
    }
    cost[found] += $2
    whole += $2
    if (found && frame[count] == first[found])
        times[found] += $3
}

END {
    if (steps == 0) {
        printf "tests/perf/paths has no case %s\n", name >"/dev/stderr"
        exit 1
    }
    print "| | step | where | times | instructions |"
    print "|---|---|---|---|---|"
    for (at = 1; at <= steps; at++) {
        if (!(at in cost)) {
            printf "a step of %s is not taken: %s\n", name, first[at] >"/dev/stderr"
            broken = 1
        }
        printf "| %d | %s | `%s` | %.3g | %.0f |\n", at, text[at], first[at], times[at] / operations,
            cost[at] / operations
    }
    printf "| | all | | | %.0f |\n", whole / operations
    exit broken > 0
}
