# SPDX-License-Identifier: BSD-3-Clause
#
# Call stacks out of `perf script -F comm,ip,sym,dso`: a line for each, as of stacks.awk, counted in
# samples. A sample is a line with the thread's name, its functions below it, the innermost first,
# and an empty line.

function flush(at, path) {
    if (depth > 0) {
        path = thread
        for (at = depth; at >= 1; at--)
            path = path ";" frame[at]
        samples[path]++
    }
    depth = 0
}

/^[^ \t]/ {
    flush()
    thread = $1
    next
}
NF >= 2 {
    word = $2
    sub(/\+0x[0-9a-f]+$/, "", word)
    # Without frame pointers a library's callers cannot be told: what is not known is no function.
    if (word == "[unknown]" || word == "0")
        next
    frame[++depth] = $NF ~ /kernel|\.ko\)?$/ ? word "_[k]" : word
    next
}
{ flush() }
END {
    flush()
    for (path in samples)
        printf "%s\t%d\n", path, samples[path]
}
