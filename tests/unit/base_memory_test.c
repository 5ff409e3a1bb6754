/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "lib/timeout.h"

TestSuite(memory, .timeout = TIMEOUT_S(10));

/* jemalloc(3), "Implementation notes": size classes with a quantum of 16. */
static const size_t classes[] = {
    8,     16,    32,    48,    64,    80,    96,    112,   128,    160,    192,    224,   256,
    320,   384,   448,   512,   640,   768,   896,   1024,  1280,   1536,   1792,   2048,  2560,
    3072,  3584,  4096,  5120,  6144,  7168,  8192,  10240, 12288,  14336,  16384,  20480, 24576,
    28672, 32768, 40960, 49152, 57344, 65536, 81920, 98304, 114688, 131072, 163840,
};

Test(memory, a_block_takes_the_least_class_that_holds_it)
{
    size_t class = 0;

    cr_assert_eq(memory_size_class(0), 0);
    for (size_t size = 1; size <= classes[sizeof classes / sizeof classes[0] - 1]; size++) {
        if (size > classes[class])
            class ++;
        cr_assert_eq(memory_size_class(size), classes[class], "%zu: %zu", size,
                     memory_size_class(size));
    }
    cr_assert_eq(memory_size_class((size_t)512 << 20), (size_t)512 << 20);
    cr_assert_eq(memory_size_class(((size_t)512 << 20) + 1), (size_t)640 << 20);
}

Test(memory, what_is_allocated_is_zeroed)
{
    char *block = memory_alloc_array(3, 100);

    for (int i = 0; i < 300; i++)
        cr_assert_eq(block[i], 0);
    memory_free(block);
    memory_free(memory_alloc(0));
    memory_free(NULL);
}

Test(memory, a_copy_of_a_string_is_its_own)
{
    char from[] = "text";
    char *copy = memory_copy_string(from);

    from[0] = 'n';
    cr_assert_str_eq(copy, "text");
    memory_free(copy);
}

Test(memory, what_is_allocated_apart_shares_no_cache_line)
{
    unsigned char *blocks[100];

    for (size_t i = 0; i < 100; i++) {
        blocks[i] = memory_alloc_apart(i);
        cr_assert_eq((uintptr_t)blocks[i] % MEMORY_APART, 0);
        for (size_t j = 0; j < i; j++)
            cr_assert_eq(blocks[i][j], 0);
        memset(blocks[i], 0xff, i);
    }
    for (size_t i = 0; i < 100; i++)
        memory_free(blocks[i]);
}

static void append_piece(void *context, const char *piece)
{
    buffer_append(context, piece, strlen(piece));
}

/* What the allocator says of itself has `words`. */
static bool described(const char *words)
{
    struct buffer text = {0};

    memory_describe(append_piece, &text);
    buffer_append(&text, "", 1);
    const bool found = strstr((const char *)buffer_content(&text).data, words) != NULL;
    buffer_deinit(&text);
    return found;
}

/* How many of the pages that a block had are still there, of 100. */
static size_t percent_resident(uintptr_t address, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = (address + page - 1) / page * page;
    const size_t count = (size - page) / page;
    unsigned char *pages = memory_alloc(count);
    size_t resident = 0;

    cr_assert_eq(mincore((void *)from, count * page, pages), 0);
    for (size_t i = 0; i < count; i++)
        resident += pages[i] & 1;
    memory_free(pages);
    return resident * 100 / count;
}

Test(memory, who_frees_a_large_block_does_not_wait_for_the_system)
{
    const size_t size = (size_t)64 << 20;

    if (!described("jemalloc statistics"))
        return;
    memory_prepare();
    char *block = memory_alloc(size);
    memset(block, 1, size);
    const uintptr_t address = (uintptr_t)block;
    cr_assert_eq(percent_resident(address, size), 100);
    memory_free(block);
    cr_assert_gt(percent_resident(address, size), 90);
}

Test(memory, a_forked_process_has_a_thread_that_gives_memory_back)
{
    int status;

    if (!described("jemalloc statistics"))
        return;
    const pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        const bool none = !described("Background threads: 1,");
        memory_prepare();
        _exit(none && described("Background threads: 1,") ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
}
