# SPDX-License-Identifier: BSD-3-Clause
#
# Stacks (stacks.awk) as a tree, the most expensive first: what a function took with all that it
# called, what it took itself, and how often it was called, each for one operation.
#
#   operations  how many there were
#   least       what takes less than this part of the whole is left out (0.01)

BEGIN {
    FS = "\t"
    least = least == "" ? 0.01 : least
}

{
    count = split($1, words, ";")
    path = ""
    for (at = 1; at <= count; at++) {
        parent = path
        path = path == "" ? words[at] : path ";" words[at]
        if (!(path in total)) {
            total[path] = 0
            last[parent]++
            child[parent, last[parent]] = path
            name[path] = words[at]
        }
        total[path] += $2
    }
    own[$1] += $2
    calls[$1] += $3
    whole += $2
}

function show(path, depth, at, best, key, shown) {
    if (path != "")
        printf "%10.1f %10.1f %8.3f  %*s%s\n", total[path] / operations, own[path] / operations,
            calls[path] / operations, 2 * depth, "", name[path]
    for (;;) {
        best = ""
        for (at = 1; at <= last[path]; at++) {
            key = child[path, at]
            if (!(key in done) && (best == "" || total[key] > total[best] ||
                (total[key] == total[best] && key < best)))
                best = key
        }
        if (best == "" || total[best] < least * whole)
            return
        done[best] = 1
        show(best, path == "" ? 0 : depth + 1)
    }
}

END {
    printf "%10s %10s %8s\n", "with all", "itself", "calls"
    show("", 0)
}
