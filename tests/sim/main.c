/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dunlin-sim: the simulator. Its exit codes are those of enum ending (trial.h):
 *
 *   0    every run passed
 *   2    safety: something was wrong
 *   3    liveness: something did not happen in time, or a checker had nothing to judge
 *   4    a crash: an assertion, a signal, a sanitizer; or a run without end
 *   64   a wrong option
 */
#include <string.h>

#include "sim/options.h"
#include "sim/report/report.h"
#include "sim/shrink.h"
#include "sim/swarm.h"
#include "sim/tell.h"

/* The one run, where a debugger finds it. */
static int run_here(const struct sim_options *options, FILE *trace)
{
    struct run_settings settings;
    struct trial trial = {.crash = ""};

    sim_options_draw(options, options->seeds.first, &settings);
    settings.world.trace_file = trace;
    trial.settings = settings;
    run(&settings, tell_words(options), &trial.result);
    trial.ending = ending_of(&trial.result);
    tell_trial(options, &trial, true);
    return trial.ending;
}

static int run_swarm(const struct sim_options *options, FILE *trace)
{
    struct sums sums;
    struct trial failure;

    const bool passed = swarm_run(options, trace, &sums, &failure);
    const int ending = passed ? ENDING_PASSED : failure.ending;
    if (!passed && options->shrink) {
        shrink(&failure, options->limit, tell_words(options));
        tell_trial(options, &failure, true);
    }
    if (!passed)
        trial_deinit(&failure);
    tell_sums(options, &sums);
    return ending;
}

static int refuse(const char *text)
{
    fprintf(stderr, "dunlin-sim: %s\n", text);
    return EXIT_OPTION;
}

int main(int argc, char **argv)
{
    struct sim_options options;
    struct buffer error = {0};
    FILE *trace = NULL;

    if (argc > 1 && strcmp(argv[1], "--report") == 0)
        return report_main(argc - 2, argv + 2);
    if (!sim_options_parse(&options, argc, argv, &error)) {
        buffer_append(&error, "", 1);
        const int status = refuse((const char *)buffer_content(&error).data);
        buffer_deinit(&error);
        return status;
    }
    if (options.help) {
        sim_options_help(stdout);
        return 0;
    }
    if (options.trace != NULL) {
        trace = fopen(options.trace, "w");
        if (trace == NULL)
            return refuse("--trace: the file cannot be written");
        setvbuf(trace, NULL, _IOLBF, 0); /* a crash leaves all up to it */
    }
    const int status = options.in_process ? run_here(&options, trace) : run_swarm(&options, trace);
    if (trace != NULL)
        fclose(trace);
    return status;
}
