# SPDX-License-Identifier: BSD-3-Clause
#
# Out of a part that callgrind wrote (--compress-strings=no): the instructions, and how often memory
# was asked for, by whatever function of the C library, each for one operation.
#
#   operations  how many there were

/^totals: / { instructions = $2 }
/^cfn=/ { allocates = /^cfn=(malloc|calloc|realloc|reallocarray|aligned_alloc|posix_memalign|memalign)($|[@'])/ }
/^calls=/ {
    if (allocates) {
        split($0, words, /[= ]/)
        allocations += words[2]
    }
}
END { printf "%.1f %.3f\n", instructions / operations, allocations / operations }
