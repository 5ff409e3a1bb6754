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

#include "sim/mutant/mutants.h"
#include "sim/options.h"
#include "sim/report/report.h"
#include "sim/shrink.h"
#include "sim/swarm.h"
#include "sim/tell.h"

/* The one run, where a debugger finds it. */
static int run_here(const struct sim_options *options, const struct sim_files *files)
{
    struct run_settings settings;
    struct trial trial = {.crash = ""};

    sim_options_draw(options, options->seeds.first, &settings);
    settings.world.trace_file = files->trace;
    settings.history_file = files->history;
    trial.settings = settings;
    run(&settings, tell_words(options), &trial.result);
    trial.ending = ending_of(&trial.result);
    tell_trial(options, &trial, true);
    return trial.ending;
}

static int run_swarm(const struct sim_options *options, const struct sim_files *files)
{
    struct sums sums;
    struct trial failure;

    const bool passed = swarm_run(options, files, &sums, &failure);
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

/* False: the path is given, and cannot be written. A crash leaves all up to it. */
static bool open_file(const char *path, FILE **file)
{
    *file = path != NULL ? fopen(path, "w") : NULL;
    if (*file != NULL)
        setvbuf(*file, NULL, _IOLBF, 0);
    return path == NULL || *file != NULL;
}

int main(int argc, char **argv)
{
    struct sim_options options;
    struct buffer error = {0};
    struct sim_files files;

    if (argc > 1 && strcmp(argv[1], "--report") == 0)
        return report_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "--mutants") == 0)
        return mutants_main(argc - 2, argv + 2);
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
    if (!open_file(options.trace, &files.trace))
        return refuse("--trace: the file cannot be written");
    if (!open_file(options.history, &files.history))
        return refuse("--history: the file cannot be written");
    const int status = options.in_process ? run_here(&options, &files)
                                          : run_swarm(&options, &files);
    if (files.trace != NULL)
        fclose(files.trace);
    if (files.history != NULL)
        fclose(files.history);
    return status;
}
