/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a virtual second costs in the simulator, for `make bench-sim`: runs as dunlin-sim makes
 * them, from the forming of the ring to the last checker, of five nodes, N = 3, QUORUM, at several
 * loads, without faults and with all of them.
 *
 *   bench_sim [--seconds S] [--faults none|all] [LOAD...]
 *
 * Real time is the time of the one core that it runs on. A command of many keys counts once a key,
 * as everywhere in the simulator.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/span.h"
#include "sim/run.h"

#define NODES           5
#define SECONDS_DEFAULT 300
#define LOADS_MAX       16
#define SECOND_US       INT64_C(1000000)
/* Pauses between pipelines are even from 0 on, a pipeline has so many keys on the mean, and some
 * answers make others ask: keys a second of one client = this / think_us. */
#define KEYS_SECOND_US (27 * SECOND_US / NODES)

static const unsigned loads_default[] = {0, 10, 50, 250, 1000};

static double cpu_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* That a checker has nothing to judge is no fault of a load as light as this. */
static bool found_wrong(const struct run_result *result)
{
    for (int check = 0; check < CHECK_COUNT; check++)
        if (result->verdicts[check].wrong > 0)
            return true;
    return false;
}

static void measure(int64_t virtual_s, unsigned load, bool faults)
{
    struct run_settings settings;
    struct run_result result;

    run_defaults(&settings);
    settings.world.nodes = NODES;
    settings.chaos_us = virtual_s * SECOND_US;
    settings.load.clients = load > 0 ? 1 : 0;
    settings.load.think_us = load > 0 ? NODES * KEYS_SECOND_US / load : SECOND_US;
    if (!faults)
        settings.faults = (struct fault_settings){0};
    const double begin_s = cpu_s();
    run(&settings, stdout, &result);
    const double took_s = cpu_s() - begin_s;
    const double ran_s = (double)result.virtual_us / 1e6;
    printf("%8.0f  %-6s  %9.0f  %9.0f  %10.0f  %10.1f  %10.1f  %s\n",
           (double)result.commands / ran_s, faults ? "all" : "none", ran_s / took_s,
           (double)result.commands / took_s, (double)result.events / took_s,
           (double)result.events / ran_s, took_s * 1e6 / ran_s,
           found_wrong(&result) ? "WRONG" : "");
    fflush(stdout);
}

static _Noreturn void usage(const char *wrong)
{
    fprintf(stderr,
            "bench_sim: %s is none of its options\n"
            "usage: bench_sim [--seconds S] [--faults none|all] [LOAD...]\n"
            "  S is at least 1; a LOAD is in commands a virtual second, from 0 to 100000\n",
            wrong);
    exit(64);
}

static int64_t number(const char *text, int64_t min, int64_t max)
{
    int64_t value;

    if (text == NULL || !span_to_int64(span_of_string(text), &value) || value < min || value > max)
        usage(text != NULL ? text : "a missing number");
    return value;
}

int main(int argc, char **argv)
{
    unsigned loads[LOADS_MAX];
    size_t count = 0;
    int64_t virtual_s = SECONDS_DEFAULT;
    bool without = true, with = true;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seconds") == 0) {
            virtual_s = number(argv[++i], 1, 1000000);
        } else if (strcmp(argv[i], "--faults") == 0) {
            const char *which = argv[++i] != NULL ? argv[i] : "";
            without = strcmp(which, "none") == 0;
            with = strcmp(which, "all") == 0;
            if (!without && !with)
                usage(which);
        } else if (count < LOADS_MAX) {
            loads[count++] = (unsigned)number(argv[i], 0, 100000);
        }
    }
    if (count == 0) {
        memcpy(loads, loads_default, sizeof loads_default);
        count = sizeof loads_default / sizeof loads_default[0];
    }
    printf("five nodes, N=3, QUORUM, %" PRId64 " virtual seconds of load\n"
           "commands          virtual s   commands      events      events     real us\n"
           "/virtual s faults  /real s     /real s     /real s  /virtual s  /virtual s\n",
           virtual_s);
    for (int faults = 0; faults < 2; faults++)
        for (size_t i = 0; i < count && (faults == 1 ? with : without); i++)
            measure(virtual_s, loads[i], faults == 1);
    return 0;
}
