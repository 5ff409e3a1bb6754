/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What a virtual second costs in the simulator, for `make bench-sim`: runs as dunlin-sim makes
 * them, from the forming of the ring to the last checker, of five nodes, N = 3, QUORUM, at several
 * loads, without faults and with all of them.
 *
 *   bench_sim [VIRTUAL-SECONDS [COMMANDS-A-SECOND ...]]
 *
 * Real time is the time of the one core that it runs on. A command of many keys counts once a key,
 * as everywhere in the simulator.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/span.h"
#include "sim/run.h"

#define NODES           5
#define SECONDS_DEFAULT 300
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
           load == 0 || run_passed(&result) ? "" : "FAILED");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    int64_t virtual_s = SECONDS_DEFAULT;
    int64_t load;

    if (argc > 1 && (!span_to_int64(span_of_string(argv[1]), &virtual_s) || virtual_s < 1)) {
        fprintf(stderr, "usage: bench_sim [VIRTUAL-SECONDS [COMMANDS-A-SECOND ...]]\n");
        return 64;
    }
    printf("five nodes, N=3, QUORUM, %" PRId64 " virtual seconds of load\n"
           "commands          virtual s   commands      events      events     real us\n"
           "/virtual s faults  /real s     /real s     /real s  /virtual s  /virtual s\n",
           virtual_s);
    for (int faults = 0; faults < 2; faults++) {
        for (int i = 2; i < argc; i++)
            if (span_to_int64(span_of_string(argv[i]), &load))
                measure(virtual_s, (unsigned)load, faults == 1);
        for (size_t i = 0; argc <= 2 && i < sizeof loads_default / sizeof loads_default[0]; i++)
            measure(virtual_s, loads_default[i], faults == 1);
    }
    return 0;
}
