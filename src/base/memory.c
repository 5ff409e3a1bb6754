/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#ifdef DUNLIN_WITH_JEMALLOC
#include <jemalloc/jemalloc.h>

/* Every thread's caches are jemalloc's own business. What matters here is that no worker stands
 * still for memory. Transparent huge pages stay off: they stall an insert for 20 ms. What is free
 * is given back to the system by a thread of jemalloc's, for a worker that frees a million entries
 * would else do so for some ms at a time; and blocks of 8 MB and more wait for that as all others
 * do (oversize_threshold, and memory_prepare), while by jemalloc's default whoever frees one gives
 * it back on the spot, 10 ms for 100 MB, and whoever asks for the next pays for each of its pages
 * again.
 *
 * slab_sizes: pages of a slab, by size class. Each slab costs 128 bytes of jemalloc's own, and by
 * default is as small as its blocks fill it without a rest: 64 blocks of 64 bytes (2 bytes each),
 * 64 of 320, 16 of 1280 (8 bytes each). Here most have hundreds; 512 is jemalloc's bound. A slab
 * goes back to the system as a whole, so those of large blocks, which are few, stay as they are. */
extern const char *malloc_conf;
const char *malloc_conf = "thp:never,background_thread:true,max_background_threads:1,"
                          "oversize_threshold:0,dirty_decay_ms:5000,"
                          "slab_sizes:49-64:8|81-96:6|97-112:14|113-2048:120";
#endif

void *memory_alloc(size_t size)
{
    void *block = calloc(1, size > 0 ? size : 1);

    ensure(block != NULL);
    return block;
}

void *memory_alloc_array(size_t count, size_t size)
{
    size_t total;

    ensure(!__builtin_mul_overflow(count, size, &total));
    return memory_alloc(total);
}

void *memory_try_alloc(size_t size)
{
    ensure(size > 0);
    return malloc(size);
}

void *memory_try_realloc(void *block, size_t size)
{
    ensure(size > 0);
    return realloc(block, size);
}

void *memory_try_alloc_aligned(size_t alignment, size_t size)
{
    ensure(size > 0 && size % alignment == 0);
    return aligned_alloc(alignment, size);
}

void *memory_alloc_apart(size_t size)
{
    const size_t whole = (size + MEMORY_APART - 1) / MEMORY_APART * MEMORY_APART;
    void *block = aligned_alloc(MEMORY_APART, whole);

    ensure(block != NULL);
    return memset(block, 0, whole);
}

char *memory_copy_string(const char *string)
{
    const size_t size = strlen(string) + 1;

    return memcpy(memory_alloc(size), string, size);
}

void memory_free(void *block)
{
    free(block);
}

size_t memory_size_class(size_t size)
{
    if (size <= 8)
        return size == 0 ? 0 : 8;
    if (size <= 128)
        return (size + 15) & ~(size_t)15;
    /* Above 128, each doubling is cut in four. */
    const unsigned top = 63 - (unsigned)__builtin_clzl(size - 1);
    const size_t step = (size_t)1 << (top - 2);

    return (size + step - 1) & ~(step - 1);
}

#ifdef DUNLIN_WITH_JEMALLOC

/* The first arena is made before jemalloc has read oversize_threshold, and keeps its default; and a
 * fork leaves the thread that gives memory back behind, with nobody to take its place (5.3.0:
 * malloc_init_hard_a0_locked, background_thread_postfork_child). A jemalloc without these names has
 * no such arena or no such thread. */
void memory_prepare(void)
{
    size_t threshold = SIZE_MAX;
    bool enabled = true;

    mallctl("arena.0.oversize_threshold", NULL, NULL, &threshold, sizeof threshold);
    mallctl("background_thread", NULL, NULL, &enabled, sizeof enabled);
}

void memory_describe(void (*write)(void *context, const char *piece), void *context)
{
    malloc_stats_print(write, context, NULL);
}

void memory_give_back(void)
{
    char name[32];

    snprintf(name, sizeof name, "arena.%d.purge", (int)MALLCTL_ARENAS_ALL);
    mallctl(name, NULL, NULL, NULL, 0);
}

#else

void memory_prepare(void)
{
}

void memory_describe(void (*write)(void *context, const char *piece), void *context)
{
    write(context, "Stats not supported for the current allocator");
}

void memory_give_back(void)
{
}

#endif
