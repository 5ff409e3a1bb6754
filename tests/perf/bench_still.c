/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a machine takes from a thread without telling it, for scripts/bench/lines/tails:
 *
 *   bench_still MS
 *
 * Reads memory and touches new pages, in steps of some 20 us, until the thread has had MS ms of CPU
 * time, 1 to 600000, and prints the longest step in us of that time. It makes no system call in a
 * step but to read the clock, so what is longer than the others was the host's, which took the CPU
 * or had to find the page first, or an interrupt's. Wrong use ends with 2.
 */
#include "config.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* New to the host too, for the most part: it may back pages only when they are first touched. */
#define MEMORY       ((size_t)1024 * 1024 * 1024)
#define PAGE         4096
#define PAGES_A_STEP 4
#define READS_A_STEP 100
#define MS_MAX       600000

/* CPU time of this thread, ns. */
static uint64_t used_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Some new pages, then reads of those so far, at places that no cache foresees; what it returns
 * keeps the reads. */
static uint8_t step(uint8_t *memory, size_t *touched, uint64_t *place)
{
    uint8_t sum = 0;

    for (size_t i = 0; i < PAGES_A_STEP; i++, *touched += PAGE)
        memory[*touched] = 1;
    for (size_t i = 0; i < READS_A_STEP; i++) {
        *place = *place * 6364136223846793005u + 1442695040888963407u; /* Knuth, MMIX */
        sum = (uint8_t)(sum + memory[(*place >> 33) % *touched]);
    }
    return sum;
}

/* The longest step on memory that is new, us, until the thread has had so much; 0 if there is none.
 */
static uint64_t longest_step(uint64_t until)
{
    uint8_t *memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                           0);
    uint64_t place = 1, longest = 0, before = used_ns();
    volatile uint8_t sum = 0;

    if (memory == MAP_FAILED) {
        perror("bench_still");
        exit(1);
    }
    for (size_t touched = 0; touched < MEMORY && before < until;) {
        sum = (uint8_t)(sum + step(memory, &touched, &place));
        const uint64_t after = used_ns();
        if (after - before > longest)
            longest = after - before;
        before = after;
    }
    munmap(memory, MEMORY);
    return longest / 1000;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    const unsigned long ms = argc == 2 ? strtoul(argv[1], &end, 10) : 0;

    if (argc != 2 || *end != '\0' || ms < 1 || ms > MS_MAX) {
        fprintf(stderr, "usage: bench_still MS, 1 to %d\n", MS_MAX);
        return 2;
    }
    const uint64_t until = used_ns() + ms * 1000000;
    uint64_t longest = 0;
    while (used_ns() < until) {
        const uint64_t us = longest_step(until);
        if (us > longest)
            longest = us;
    }
    printf("%" PRIu64 "\n", longest);
    return 0;
}
