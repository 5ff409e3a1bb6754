# SPDX-License-Identifier: BSD-3-Clause
#
# Stacks (stacks.awk; a third column is not looked at) as an SVG: a box for each function, as wide as
# its part of the whole, below the one that called it. Beneath a box hang those that it called, the
# name first in the alphabet leftmost, whatever their order in time. Its text, where there is room,
# and what shows when the mouse rests on it, tell its name and part. A name that ends in _[k] is the
# kernel's. Stands alone: no script, no font, no style sheet.
#
#   title, unit   of the picture; of the second column

BEGIN {
    FS = "\t"
    width = 1200
    height = 17
    top = 40
    least = 0.4 # pixels: what is narrower is left out
}

{
    count = split($1, words, ";")
    path = ""
    for (at = 1; at <= count; at++) {
        parent = path
        path = path == "" ? words[at] : path ";" words[at]
        if (!(path in total)) {
            last[parent]++
            child[parent, last[parent]] = path
            name[path] = words[at]
        }
        total[path] += $2
    }
    whole += $2
}

function escaped(text) {
    gsub(/&/, "\\&amp;", text)
    gsub(/</, "\\&lt;", text)
    gsub(/>/, "\\&gt;", text)
    return text
}

# Warm for Dunlin, cold for the kernel; which shade depends on the name alone, so that a function
# has the same in every picture.
function colour(word, at, sum) {
    sum = 0
    for (at = 1; at <= length(word); at++)
        sum = (sum * 31 + index("abcdefghijklmnopqrstuvwxyz_0123456789", substr(word, at, 1))) % 997
    if (word ~ /_\[k\]$/)
        return sprintf("rgb(%d,%d,%d)", 120 + sum % 40, 165 + sum % 37, 215 + sum % 30)
    return sprintf("rgb(%d,%d,%d)", 225 + sum % 30, 130 + sum % 90, 60 + sum % 40)
}

function box(path, x, depth, wide, part, word, room) {
    wide = width * total[path] / whole
    part = sprintf("%.1f %%", 100 * total[path] / whole)
    word = name[path]
    sub(/_\[k\]$/, "", word)
    printf "<g><title>%s: %s, %.0f %s</title>", escaped(word), part, total[path], unit
    printf "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", x,
        top + depth * height, (wide > 0.6 ? wide - 0.4 : wide), height - 1, colour(name[path])
    room = int((wide - 4) / 6.6)
    if (room >= 4) {
        if (length(word) + length(part) + 1 <= room)
            word = word " " part
        else if (length(word) > room)
            word = substr(word, 1, room - 2) ".."
        printf "<text x=\"%.1f\" y=\"%d\">%s</text>", x + 2, top + depth * height + 12,
            escaped(word)
    }
    print "</g>"
}

function show(path, x, depth, at, key, best, count) {
    if (depth > deepest)
        deepest = depth
    for (;;) {
        best = ""
        for (at = 1; at <= last[path]; at++) {
            key = child[path, at]
            if (!(key in done) && (best == "" || key < best))
                best = key
        }
        if (best == "")
            return
        done[best] = 1
        if (width * total[best] / whole >= least) {
            boxes[++box_count] = best
            left[best] = x
            level[best] = depth
            show(best, x, depth + 1)
        }
        x += width * total[best] / whole
    }
}

END {
    if (whole == 0) {
        print "no stacks" >"/dev/stderr"
        exit 1
    }
    show("", 0, 0)
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" ", width,
        top + (deepest + 1) * height
    print "font-family=\"monospace\" font-size=\"11\">"
    print "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
    printf "<text x=\"4\" y=\"16\" font-size=\"14\">%s</text>\n", escaped(title)
    printf "<text x=\"4\" y=\"32\">%.0f %s; warm: Dunlin and libraries", whole, unit
    print ", blue: the kernel</text>"
    for (at = 1; at <= box_count; at++)
        box(boxes[at], left[boxes[at]], level[boxes[at]])
    print "</svg>"
}
