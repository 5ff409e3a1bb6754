# SPDX-License-Identifier: BSD-3-Clause
#
# Call stacks out of a part that callgrind wrote with --separate-callers, --compress-strings=no and
# --compress-pos=no: a line for each function with the way that led to it, beginning at what was
# counted; its own instructions; how often it was called from there.
#
#   counted_turn;engine_client_input;parser_next<TAB>4096<TAB>1024

# "f'g'h" is f, called by g, called by h. A number counts levels of recursion.
function path_of(name, words, count, at, word, path) {
    count = split(name, words, "'")
    for (at = count; at >= 1; at--) {
        word = words[at]
        if (word ~ /^[0-9]+$/)
            continue
        if (path == "" && word !~ /^counted_/)
            continue
        sub(/@@.*/, "", word)
        sub(/\.(constprop|isra|part|cold).*/, "", word)
        # The C library's variants for the CPU.
        if (word ~ /^__mem|^__str/) {
            sub(/^__/, "", word)
            sub(/_(avx|sse|ssse|evex|erms|generic).*/, "", word)
        }
        path = path == "" ? word : path ";" word
    }
    return path
}

/^fn=/ {
    path = path_of(substr($0, 4))
    next
}
/^cfn=/ {
    called = path_of(substr($0, 5))
    next
}
/^calls=/ {
    split($0, words, /[= ]/)
    if (called != "")
        calls[called] += words[2]
    passing = 1 # the next line is what the called function took
    next
}
/^[0-9]/ {
    if (!passing && path != "")
        own[path] += $2
    passing = 0
}

END {
    for (path in own)
        printf "%s\t%d\t%d\n", path, own[path], calls[path]
    # What was only passed through.
    for (path in calls)
        if (!(path in own))
            printf "%s\t0\t%d\n", path, calls[path]
}
