/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Memory. The only header that knows which allocator is beneath (memory.c is the only file that
 * names it). Small structures that the program cannot run without come from memory_alloc, which
 * ends the process when there is nothing left; whatever a client or a peer can make large comes
 * from memory_try_alloc, whose caller answers with an error.
 */
#ifndef DUNLIN_BASE_MEMORY_H
#define DUNLIN_BASE_MEMORY_H

#include <stddef.h>

/* What the allocator has to be told while the process runs, by a server that minds how long a call
 * takes: once, by the thread that starts all others, and after the last fork. */
void memory_prepare(void);

/* Zeroed memory, never NULL. */
void *memory_alloc(size_t size);
/* Zeroed memory for `count` items of `size` bytes; an overflow of the product is an assertion. */
void *memory_alloc_array(size_t count, size_t size);

/* Memory with no defined content, or NULL when the system has none. `size` is over 0. */
void *memory_try_alloc(size_t size);
/* Resizes as realloc does; on NULL the old block is untouched. */
void *memory_try_realloc(void *block, size_t size);

/* As memory_try_alloc, at an address that is a multiple of `alignment`, a power of two from 8 up;
 * `size` is a multiple of it. Freed by memory_free. */
void *memory_try_alloc_aligned(size_t alignment, size_t size);

/* How far apart memory lies that different threads write, bytes: a cache line, and the one that the
 * processor fetches with it. */
#define MEMORY_APART 128

/* As memory_alloc, for what one thread writes: no cache line of it is of another block. */
void *memory_alloc_apart(size_t size);

/* A copy of a string, never NULL. */
char *memory_copy_string(const char *string);

/* Takes NULL as well. */
void memory_free(void *block);

/* What the allocator says of itself, in pieces; one line where it says nothing. */
void memory_describe(void (*write)(void *context, const char *piece), void *context);
/* Gives what is free back to the system, as far as the allocator has a call for that. It may take
 * some ms for each GB. */
void memory_give_back(void);

/* What a block of `size` bytes takes with the allocator's size classes (jemalloc's: four to a
 * doubling). A pure function, the same in every build, so that accounting does not depend on the
 * allocator at hand. `size` 0 gives 0. */
size_t memory_size_class(size_t size);

#endif
