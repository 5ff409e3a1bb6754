/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Hunts mutants: seed after seed, until a checker finds what is planted. A process for each mutant,
 * as many at a time as there are processors; the order of the table is that of the lines.
 *
 *   0    each was found within its seeds, and the same run without it passes
 *   2    one was not
 *   64   a wrong option
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/span.h"
#include "sim/mutant/mutants.h"
#include "sim/options.h"
#include "sim/trial.h"

#define OPTIONS_MAX      600
#define OPTION_WORDS_MAX 64

/* What came of one. */
struct quarry {
    bool wanted, hunted, found;
    unsigned seeds; /* that it took */
    unsigned found_by;
    uint64_t dirty;     /* the last that fails without it as well, and shows nothing; 0: none */
    int64_t virtual_us; /* of all runs up to there */
};

/* A hunt that goes on, in a process of its own, which tells the end through a pipe. */
struct hunter {
    pid_t process; /* 0: none */
    int pipe;
    int mutant;
};

struct hunt {
    struct quarry quarries[MUTANT_COUNT];
    struct hunter hunters[SIM_JOBS_MAX];
    uint64_t first; /* seed */
    int64_t jobs;
    int next, shown; /* in the table */
    unsigned passed, failed;
    unsigned alone[CHECK_COUNT], among[CHECK_COUNT]; /* how many each checker found */
};

/* ---- one ---- */

static unsigned findings(const struct run_result *result)
{
    unsigned found_by = 0;

    for (int check = 0; check < CHECK_COUNT; check++)
        if (result->verdicts[check].wrong > 0)
            found_by |= 1u << check;
    return found_by;
}

static void read_options(const struct mutant_row *row, struct sim_options *options)
{
    char text[OPTIONS_MAX];
    char *words[OPTION_WORDS_MAX] = {text};
    int count = 1;
    char *state;
    struct buffer error = {0};

    ensure(snprintf(text, sizeof text, "%s", row->options) < (int)sizeof text);
    for (char *word = strtok_r(text, " ", &state); word != NULL;
         word = strtok_r(NULL, " ", &state)) {
        ensure(count < OPTION_WORDS_MAX);
        words[count++] = word;
    }
    ensure(sim_options_parse(options, count, words, &error));
    buffer_deinit(&error);
}

static void hunt_one(enum mutant mutant, uint64_t first, struct quarry *quarry)
{
    const struct mutant_row *row = &mutant_rows[mutant];
    struct sim_options options;
    struct run_settings settings;
    struct run_result result;

    read_options(row, &options);
    for (; quarry->seeds < row->seeds_max && !quarry->found; quarry->seeds++) {
        const uint64_t seed = first + quarry->seeds;
        sim_options_draw(&options, seed, &settings);
        mutant_plant(mutant);
        run(&settings, NULL, &result);
        mutants_uproot();
        quarry->virtual_us += result.virtual_us;
        const unsigned found_by = findings(&result);
        if ((found_by & row->found_by) == 0)
            continue;
        run(&settings, NULL, &result);
        if (findings(&result) != 0) {
            quarry->dirty = seed;
            continue;
        }
        quarry->found = true;
        quarry->found_by = found_by;
    }
}

/* ---- what came of it ---- */

static void print_checkers(unsigned found_by, char *text, size_t size)
{
    size_t at = 0;

    snprintf(text, size, "-");
    for (int check = 0; check < CHECK_COUNT; check++)
        if ((found_by >> check & 1) != 0 && at < size)
            at += (size_t)snprintf(text + at, size - at, "%s%s", at > 0 ? "," : "",
                                   check_rows[check].name);
}

/* A run that fails with nothing planted is for somebody else to look at. */
static void show_dirty(const struct mutant_row *row, uint64_t seed)
{
    struct sim_options options;
    struct run_settings settings;

    read_options(row, &options);
    sim_options_draw(&options, seed, &settings);
    printf("  without it this fails as well: ");
    run_settings_print(&settings, stdout);
    printf("\n");
}

static void show(struct hunt *hunt, int mutant)
{
    const struct mutant_row *row = &mutant_rows[mutant];
    const struct quarry *quarry = &hunt->quarries[mutant];
    const bool good = quarry->found;
    char checkers[200];
    char seeds[32];

    print_checkers(quarry->found_by, checkers, sizeof checkers);
    snprintf(seeds, sizeof seeds, "%u/%u", quarry->seeds, row->seeds_max);
    printf("%-21s %9s %7.0f s  %-30s %s\n", row->name, seeds, (double)quarry->virtual_us / 1e6,
           checkers, row->text);
    if (!quarry->hunted)
        printf("  its process ended early\n");
    else if (!good)
        printf("  not found\n");
    if (quarry->dirty > 0)
        show_dirty(row, quarry->dirty);
    fflush(stdout);
    hunt->passed += good;
    hunt->failed += !good;
    for (int check = 0; good && check < CHECK_COUNT; check++) {
        hunt->among[check] += quarry->found_by >> check & 1;
        hunt->alone[check] += quarry->found_by == 1u << check;
    }
}

static void show_all_done(struct hunt *hunt)
{
    for (; hunt->shown < hunt->next; hunt->shown++) {
        for (int64_t i = 0; i < hunt->jobs; i++)
            if (hunt->hunters[i].process > 0 && hunt->hunters[i].mutant == hunt->shown)
                return;
        if (hunt->quarries[hunt->shown].wanted)
            show(hunt, hunt->shown);
    }
}

static void show_checkers(const struct hunt *hunt)
{
    printf("\nchecker: mutants that it found, and those that it alone found\n");
    for (int check = 0; check < CHECK_COUNT; check++)
        printf("%-10s %3u %3u\n", check_rows[check].name, hunt->among[check], hunt->alone[check]);
}

/* ---- all ---- */

static bool begin(struct hunter *hunter, int mutant, uint64_t first)
{
    int ends[2];

    if (pipe(ends) != 0)
        return false;
    fflush(stdout);
    const pid_t process = fork();
    if (process == 0) {
        struct quarry quarry = {.wanted = true, .hunted = true};
        hunt_one((enum mutant)mutant, first, &quarry);
        const bool told = write(ends[1], &quarry, sizeof quarry) == (ssize_t)sizeof quarry;
        _exit(told ? 0 : 1);
    }
    close(ends[1]);
    if (process < 0) {
        close(ends[0]);
        return false;
    }
    *hunter = (struct hunter){.process = process, .pipe = ends[0], .mutant = mutant};
    return true;
}

/* Takes what the process told, if it told anything. */
static void end(struct hunt *hunt, struct hunter *hunter)
{
    struct quarry quarry;

    if (read(hunter->pipe, &quarry, sizeof quarry) == (ssize_t)sizeof quarry)
        hunt->quarries[hunter->mutant] = quarry;
    close(hunter->pipe);
    hunter->process = 0;
}

static void wait_for_one(struct hunt *hunt)
{
    int status;
    const pid_t process = waitpid(-1, &status, 0);

    for (int64_t i = 0; i < hunt->jobs; i++)
        if (process > 0 && hunt->hunters[i].process == process)
            end(hunt, &hunt->hunters[i]);
}

static struct hunter *free_hunter(struct hunt *hunt)
{
    for (int64_t i = 0; i < hunt->jobs; i++)
        if (hunt->hunters[i].process == 0)
            return &hunt->hunters[i];
    return NULL;
}

static bool is_hunting(const struct hunt *hunt)
{
    for (int64_t i = 0; i < hunt->jobs; i++)
        if (hunt->hunters[i].process > 0)
            return true;
    return false;
}

static void hunt_all(struct hunt *hunt)
{
    while (hunt->next < MUTANT_COUNT || is_hunting(hunt)) {
        struct hunter *hunter = hunt->next < MUTANT_COUNT ? free_hunter(hunt) : NULL;
        if (hunter == NULL)
            wait_for_one(hunt);
        else if (!hunt->quarries[hunt->next].wanted || begin(hunter, hunt->next, hunt->first))
            hunt->next++;
        else if (is_hunting(hunt))
            wait_for_one(hunt);
        else
            hunt->next++; /* no process can be made: it is not hunted */
        show_all_done(hunt);
    }
}

/* ---- options ---- */

static int refuse(const char *what, const char *found, const char *accepted)
{
    fprintf(stderr, "dunlin-sim: %s: found '%s', accepted are %s\n", what,
            found != NULL ? found : "", accepted);
    return EXIT_OPTION;
}

static bool parse_number(const char *text, int64_t low, int64_t high, int64_t *number)
{
    return text != NULL && span_to_int64(span_of_string(text), number) && *number >= low &&
           *number <= high;
}

static int parse(struct hunt *hunt, int argc, char **argv)
{
    const int64_t cores = sysconf(_SC_NPROCESSORS_ONLN);
    bool all = true;

    hunt->first = 1;
    hunt->jobs = cores < 1 ? 1 : cores < SIM_JOBS_MAX ? cores : SIM_JOBS_MAX;
    for (int i = 0; i < argc; i++) {
        enum mutant mutant;
        int64_t number;
        if (strcmp(argv[i], "--jobs") == 0) {
            if (!parse_number(argv[++i], 1, SIM_JOBS_MAX, &number))
                return refuse("--jobs", argv[i], "a number from 1 to 256");
            hunt->jobs = number;
        } else if (strcmp(argv[i], "--from") == 0) {
            if (!parse_number(argv[++i], 0, INT64_MAX / 2, &number))
                return refuse("--from", argv[i], "a seed");
            hunt->first = (uint64_t)number;
        } else if (mutant_find(argv[i], &mutant)) {
            hunt->quarries[mutant].wanted = true;
            all = false;
        } else {
            return refuse("--mutants", argv[i], "the names that it prints, --from S and --jobs K");
        }
    }
    for (int i = 0; all && i < MUTANT_COUNT; i++)
        hunt->quarries[i].wanted = true;
    return 0;
}

int mutants_main(int argc, char **argv)
{
    struct hunt hunt = {0};
    const int status = parse(&hunt, argc, argv);

    if (status != 0)
        return status;
    printf("%-21s %9s %9s  %-30s %s\n", "mutant", "seeds", "virtual", "found by", "what is wrong");
    hunt_all(&hunt);
    show_checkers(&hunt);
    printf("%u passed, %u failed, 0 skipped\n", hunt.passed, hunt.failed);
    return hunt.failed > 0 ? ENDING_SAFETY : ENDING_PASSED;
}
