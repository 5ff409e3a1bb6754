/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/tell.h"

#include <inttypes.h>

#include "sim/explain/explain.h"

#define HOUR_US INT64_C(3600000000)

void sums_add(struct sums *sums, const struct trial *trial)
{
    if (trial->ending == ENDING_PASSED)
        sums->passed++;
    else
        sums->failed++;
    sums->commands += trial->result.commands;
    sums->faults += trial->result.faults;
    sums->virtual_us += trial->result.virtual_us;
    for (int check = 0; check < CHECK_COUNT; check++) {
        sums->verdicts[check].judged += trial->result.verdicts[check].judged;
        sums->verdicts[check].wrong += trial->result.verdicts[check].wrong;
    }
}

FILE *tell_words(const struct sim_options *options)
{
    return options->json ? stderr : stdout;
}

/* Without floating point, which has no place in a simulator. */
static void print_hours(int64_t us, FILE *out)
{
    const int64_t hundredths = us / (HOUR_US / 100);

    fprintf(out, "%" PRId64 ".%02" PRId64 " virtual hours", hundredths / 100, hundredths % 100);
}

/* ---- in JSON ---- */

static void print_verdicts_json(const struct verdict verdicts[CHECK_COUNT], FILE *out)
{
    fputs("\"verdicts\":{", out);
    for (int check = 0; check < CHECK_COUNT; check++)
        fprintf(out, "%s\"%s\":{\"judged\":%" PRIu64 ",\"wrong\":%" PRIu64 "}",
                check > 0 ? "," : "", check_rows[check].name, verdicts[check].judged,
                verdicts[check].wrong);
    fputc('}', out);
}

static void tell_trial_json(const struct trial *trial)
{
    const struct run_result *result = &trial->result;

    printf("{\"seed\":%" PRIu64 ",\"outcome\":\"%s\"", trial->settings.world.seed,
           ending_name(trial->ending));
    if (trial->ending == ENDING_CRASH)
        printf(",\"crash\":\"%s\"", trial->crash);
    printf(",\"digest\":\"%016" PRIx64 "\",\"trace_lines\":%" PRIu64 ",\"commands\":%" PRIu64
           ",\"commands_failed\":%" PRIu64 ",\"faults\":%" PRIu64 ",\"virtual_us\":%" PRId64 ",",
           result->trace_digest, result->trace_lines, result->commands, result->failed,
           result->faults, result->virtual_us);
    print_verdicts_json(result->verdicts, stdout);
    fputs(",\"settings\":", stdout);
    run_settings_print_json(&trial->settings, stdout);
    fputs(",\"command\":\"", stdout);
    run_settings_print(&trial->settings, stdout);
    fputs("\"}\n", stdout);
    fflush(stdout);
}

static void tell_sums_json(const struct sums *sums)
{
    printf("{\"passed\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"virtual_us\":%" PRId64
           ",\"real_ms\":%" PRId64 ",\"commands\":%" PRIu64 ",\"faults\":%" PRIu64 ",",
           sums->passed, sums->failed, sums->virtual_us, trial_now_ms() - sums->began_ms,
           sums->commands, sums->faults);
    print_verdicts_json(sums->verdicts, stdout);
    fputs("}\n", stdout);
}

/* ---- in words ---- */

static void tell_failure(struct trial *trial, FILE *out)
{
    run_settings_print(&trial->settings, out);
    fputc('\n', out);
    trial_repeat(trial, out);
    if (trial->ending != ENDING_CRASH)
        explain(&trial->settings, &trial->result, out);
    fprintf(out, "seed %" PRIu64 " failed: %s%s%s. To replay it with a trace:\n",
            trial->settings.world.seed, ending_name(trial->ending),
            trial->crash[0] != '\0' ? ", " : "", trial->crash);
    run_settings_print(&trial->settings, out);
    fputs(" --trace trace.txt\n", out);
}

static void tell_success(struct trial *trial, FILE *out)
{
    const struct run_result *result = &trial->result;

    run_settings_print(&trial->settings, out);
    fputc('\n', out);
    trial_repeat(trial, out);
    fprintf(out,
            "seed %" PRIu64 ": %" PRIu64 " commands, %" PRIu64 " failed, %" PRIu64
            " faults, %" PRId64 " virtual seconds, %" PRIu64 " lines of trace, digest %016" PRIx64
            "\n",
            trial->settings.world.seed, result->commands, result->failed, result->faults,
            result->virtual_us / 1000000, result->trace_lines, result->trace_digest);
    promises_print(&result->promises, result->verdicts, true, out);
}

void tell_trial(const struct sim_options *options, struct trial *trial, bool fully)
{
    FILE *out = tell_words(options);

    if (options->json)
        tell_trial_json(trial);
    if (trial->ending != ENDING_PASSED)
        tell_failure(trial, out);
    else if (fully && !options->json)
        tell_success(trial, out);
    fflush(out);
}

void tell_sums(const struct sim_options *options, const struct sums *sums)
{
    static const struct promises nothing_withheld = {.withheld = {NULL}};
    const int64_t real_ms = trial_now_ms() - sums->began_ms;

    if (options->json) {
        tell_sums_json(sums);
        return;
    }
    if (sums->passed + sums->failed > 1) {
        tell_progress(sums, stdout);
        printf(" in %" PRId64 " s\n", real_ms / 1000);
        promises_print(&nothing_withheld, sums->verdicts, false, stdout);
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n", sums->passed, sums->failed);
}

void tell_progress(const struct sums *sums, FILE *out)
{
    fprintf(out, "%" PRIu64 " seeds, ", sums->passed + sums->failed);
    print_hours(sums->virtual_us, out);
    fprintf(out, ", %" PRIu64 " commands, %" PRIu64 " faults", sums->commands, sums->faults);
}
