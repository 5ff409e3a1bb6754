/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/options.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "sim/mutant/mutants.h"
#include "sim/mutant/planted.h"
#include "sim/mutant/rules.h"
#include "sim/world/delay.h"

#define HELP_NAME_WIDTH 26
/* Past this an option has no bound that anybody would meet, and --help says none. */
#define HELP_HIGH_MAX 1000000

struct row {
    const char *name; /* NULL: a heading, whose title is the text */
    enum takes takes;
    const char *form;
    uint64_t low, high;
    size_t offset, size; /* of its field in struct sim_options */
    const char *text;
    enum sim_option option;
};

#define FIELD_SIZE(field) sizeof(((struct sim_options *)NULL)->field)

/* clang-format off */
static const struct row rows[] = {
#define HEADING(title) {.text = title},
#define ROW(ID, field, name, takes, form, low, high, text)                                    \
    {name, TAKES_##takes, form, low, high, offsetof(struct sim_options, field), FIELD_SIZE(field), \
     text, SIM_OPTION_##ID},
    SIM_OPTIONS(HEADING, ROW)
#undef ROW
#undef HEADING
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct row *row_of(enum sim_option option)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (rows[i].name != NULL && rows[i].option == option)
            return &rows[i];
    ensure(!"every option has a row");
    return NULL;
}

/* Whether its field is one of a run's settings. */
static bool is_of_run(const struct row *row)
{
    return row->name != NULL && row->takes != TAKES_RULE && row->takes != TAKES_MUTANT &&
           row->offset < sizeof(struct run_settings);
}

/* ---- fields: `object` is a struct sim_options, or the run_settings at its beginning ---- */

static uint64_t get_number(const void *object, const struct row *row)
{
    const uint8_t *field = (const uint8_t *)object + row->offset;
    uint64_t wide;
    uint32_t narrow;

    switch (row->size) {
    case 1:
        return *field;
    case sizeof narrow:
        memcpy(&narrow, field, sizeof narrow);
        return narrow;
    default:
        ensure(row->size == sizeof wide);
        memcpy(&wide, field, sizeof wide);
        return wide;
    }
}

static void set_number(void *object, const struct row *row, uint64_t number)
{
    uint8_t *field = (uint8_t *)object + row->offset;
    const uint32_t narrow = (uint32_t)number;

    switch (row->size) {
    case 1:
        *field = (uint8_t)number;
        break;
    case sizeof narrow:
        memcpy(field, &narrow, sizeof narrow);
        break;
    default:
        ensure(row->size == sizeof number);
        memcpy(field, &number, sizeof number);
    }
}

/* What one of what the option takes is in its field. */
static uint64_t unit(const struct row *row)
{
    switch (row->takes) {
    case TAKES_SECONDS:
        return 1000000;
    case TAKES_MILLISECONDS:
        return 1000;
    default:
        return 1;
    }
}

/* ---- parsing ---- */

static bool parse_number(struct span text, uint64_t low, uint64_t high, uint64_t *number)
{
    int64_t value;

    if (!span_to_int64(text, &value) || value < 0 || (uint64_t)value < low ||
        (uint64_t)value > high)
        return false;
    *number = (uint64_t)value;
    return true;
}

/* A for --seed, A..B for --seeds. */
static bool parse_seeds(const struct row *row, const char *text, struct seeds *seeds)
{
    const char *dots = strstr(text, "..");
    const char *last = dots != NULL ? dots + 2 : text;
    const size_t first_size = dots != NULL ? (size_t)(dots - text) : strlen(text);

    return (dots != NULL) == (row->option == SIM_OPTION_SEEDS) &&
           parse_number(span_of(text, first_size), row->low, row->high, &seeds->first) &&
           parse_number(span_of_string(last), row->low, row->high, &seeds->last) &&
           seeds->first <= seeds->last;
}

/* The place of the word in "one|two|three". */
static bool parse_word(const char *words, const char *text, uint64_t *number)
{
    for (*number = 0;; ++*number) {
        const size_t size = strcspn(words, "|");
        if (strlen(text) == size && memcmp(words, text, size) == 0)
            return true;
        if (words[size] == '\0')
            return false;
        words += size + 1;
    }
}

/* What is wrong with it, delay_create says: say_accepted tells that. */
static bool parse_delay(char *field, const char *text)
{
    char error[DELAY_ERROR_MAX];

    field[0] = '\0';
    if (strcmp(text, "none") == 0)
        return true;
    struct delay *delay = strlen(text) < WORLD_DELAY_MAX ? delay_create(text, error) : NULL;
    if (delay != NULL)
        memcpy(field, text, strlen(text) + 1);
    delay_destroy(&delay);
    return field[0] != '\0';
}

static bool parse_value(struct sim_options *options, const struct row *row, const char *text)
{
    void *field = (uint8_t *)options + row->offset;
    uint64_t number = 1;

    switch (row->takes) {
    case TAKES_LEVEL:
        return level_parse(span_of_string(text), field);
    case TAKES_FAULTS:
        return fault_settings_parse(field, text);
    case TAKES_DELAY:
        return parse_delay(field, text);
    case TAKES_SEEDS:
        return parse_seeds(row, text, field);
    case TAKES_FILE:
        *(const char **)field = text;
        return text[0] != '\0';
    case TAKES_RULE:
        if (!parse_number(span_of_string(text), row->low, row->high, &number))
            return false;
        rules_remove((unsigned)number);
        return true;
    case TAKES_MUTANT: {
        enum mutant mutant;
        if (!mutant_find(text, &mutant))
            return false;
        mutant_plant(mutant);
        return true;
    }
    case TAKES_NOTHING:
        break;
    case TAKES_WORD:
        if (!parse_word(row->form, text, &number))
            return false;
        break;
    case TAKES_POWER:
    case TAKES_NUMBER:
    case TAKES_SECONDS:
    case TAKES_MILLISECONDS:
        if (!parse_number(span_of_string(text), row->low, row->high, &number) ||
            (row->takes == TAKES_POWER && (number & (number - 1)) != 0))
            return false;
        break;
    }
    set_number(options, row, number * unit(row));
    return true;
}

/* ---- errors ---- */

/* "lww or siblings" from "lww|siblings" */
static void say_words(const char *words, struct buffer *error)
{
    for (;;) {
        const size_t size = strcspn(words, "|");
        buffer_append(error, words, size);
        if (words[size] == '\0')
            return;
        buffer_append_string(error, " or ");
        words += size + 1;
    }
}

static void say_accepted(const struct row *row, struct buffer *error)
{
    switch (row->takes) {
    case TAKES_NOTHING:
        buffer_append_string(error, "nothing");
        return;
    case TAKES_WORD:
        say_words(row->form, error);
        return;
    case TAKES_LEVEL:
        buffer_append_string(error, LEVEL_FORMS);
        return;
    case TAKES_FAULTS:
        buffer_append_format(error,
                             "all, none, or names of --help with commas between, each with or "
                             "without a rate, as in %s,%s=5",
                             fault_rows[0].name, fault_rows[1].name);
        return;
    case TAKES_DELAY:
        buffer_append_format(error,
                             "none, or forms such as exp(2):0.9+uniform(1,30):0.1, in ms, of "
                             "const(x), uniform(a,b), exp(rate) and pareto(xm,alpha), whose "
                             "weights add up to 1, in less than %d characters",
                             WORLD_DELAY_MAX);
        return;
    case TAKES_FILE:
        buffer_append_string(error, "a path");
        return;
    case TAKES_MUTANT:
        buffer_append_string(error, "a name that --mutants lists");
        return;
    case TAKES_SEEDS:
        buffer_append_string(error, row->option == SIM_OPTION_SEEDS
                                        ? "A..B, the first and the last of them, each"
                                        : "a number");
        break;
    case TAKES_POWER:
        buffer_append_string(error, row->low == 0 ? "0 or a power of two" : "a power of two");
        break;
    default:
        buffer_append_string(error, "a number");
    }
    buffer_append_format(error, " from %" PRIu64 " to %" PRIu64, row->low, row->high);
}

static bool refuse_value(const struct row *row, const char *found, struct buffer *error)
{
    buffer_append_format(error, "%s: found ", row->name);
    if (found != NULL)
        buffer_append_format(error, "'%s'", found);
    else
        buffer_append_string(error, "nothing");
    buffer_append_string(error, ", accepted is ");
    say_accepted(row, error);
    return false;
}

/* Options that say which runs exclude each other; some others are for a single run. */
static bool check_together(const struct sim_options *options, struct buffer *error)
{
    static const struct {
        enum sim_option one, other;
    } apart[] = {
        {SIM_OPTION_SEED, SIM_OPTION_SEEDS},         {SIM_OPTION_SEED, SIM_OPTION_MINUTES},
        {SIM_OPTION_SEED, SIM_OPTION_REAL_SECONDS},  {SIM_OPTION_SEEDS, SIM_OPTION_MINUTES},
        {SIM_OPTION_SEEDS, SIM_OPTION_REAL_SECONDS}, {SIM_OPTION_MINUTES, SIM_OPTION_REAL_SECONDS},
        {SIM_OPTION_SHRINK, SIM_OPTION_TRACE},       {SIM_OPTION_SHRINK, SIM_OPTION_HISTORY},
        {SIM_OPTION_SHRINK, SIM_OPTION_IN_PROCESS},
    };
    static const enum sim_option single[] = {SIM_OPTION_TRACE, SIM_OPTION_HISTORY,
                                             SIM_OPTION_IN_PROCESS};

    for (size_t i = 0; i < sizeof apart / sizeof apart[0]; i++)
        if (options->given[apart[i].one] && options->given[apart[i].other]) {
            buffer_append_format(error, "%s: found beside %s, accepted is one of the two",
                                 row_of(apart[i].one)->name, row_of(apart[i].other)->name);
            return false;
        }
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (options->given[single[i]] && !options->given[SIM_OPTION_SEED]) {
            buffer_append_format(error, "%s: found without --seed, accepted is a single run",
                                 row_of(single[i])->name);
            return false;
        }
    return true;
}

bool sim_options_parse(struct sim_options *options, int argc, char **argv, struct buffer *error)
{
    *options = (struct sim_options){.seconds = 0};
    for (int i = 1; i < argc; i++) {
        const struct row *row = rows;
        while (row < rows + ROW_COUNT && (row->name == NULL || strcmp(row->name, argv[i]) != 0))
            row++;
        if (row == rows + ROW_COUNT) {
            buffer_append_format(error, "found '%s', accepted are the options of --help", argv[i]);
            return false;
        }
        const char *text = NULL;
        if (row->takes != TAKES_NOTHING && ++i < argc)
            text = argv[i];
        if (row->takes != TAKES_NOTHING && text == NULL)
            return refuse_value(row, NULL, error);
        if (!parse_value(options, row, text))
            return refuse_value(row, text, error);
        options->given[row->option] = true;
    }
    return check_together(options, error);
}

/* ---- a run's settings ---- */

static void lay_over(const struct sim_options *options, struct run_settings *settings)
{
    for (const struct row *row = rows; row < rows + ROW_COUNT; row++)
        if (is_of_run(row) && options->given[row->option])
            memcpy((uint8_t *)settings + row->offset, (const uint8_t *)options + row->offset,
                   row->size);
    settings->world.evicts = settings->world.memory_bytes > 0;
}

void sim_options_draw(const struct sim_options *options, uint64_t seed,
                      struct run_settings *settings)
{
    run_defaults(settings);
    settings->world.seed = seed;
    run_vary_ring(settings);
    lay_over(options, settings);
    run_vary_rest(settings);
    lay_over(options, settings);
}

uint64_t run_settings_number(const struct run_settings *settings, enum sim_option option)
{
    const struct row *row = row_of(option);

    return get_number(settings, row) / unit(row);
}

void run_settings_set_number(struct run_settings *settings, enum sim_option option, uint64_t number)
{
    const struct row *row = row_of(option);

    set_number(settings, row, number * unit(row));
    settings->world.evicts = settings->world.memory_bytes > 0;
}

/* ---- printing ---- */

static void print_word(const char *words, uint64_t number, FILE *out)
{
    for (; number > 0; number--)
        words += strcspn(words, "|") + 1;
    fprintf(out, "%.*s", (int)strcspn(words, "|"), words);
}

static void print_value(const struct run_settings *settings, const struct row *row, FILE *out)
{
    const bool is_number = row->takes != TAKES_FAULTS && row->takes != TAKES_DELAY;
    const uint64_t number = is_number ? get_number(settings, row) / unit(row) : 0;
    char faults[FAULT_SETTINGS_TEXT_MAX];

    switch (row->takes) {
    case TAKES_WORD:
        print_word(row->form, number, out);
        break;
    case TAKES_LEVEL:
        fputs(level_name((uint8_t)number), out);
        break;
    case TAKES_FAULTS:
        fault_settings_print(&settings->faults, faults, sizeof faults);
        fputs(faults, out);
        break;
    case TAKES_DELAY:
        fputs(settings->world.delay[0] != '\0' ? settings->world.delay : "none", out);
        break;
    default:
        fprintf(out, "%" PRIu64, number);
    }
}

void run_settings_print_one(const struct run_settings *settings, enum sim_option option, FILE *out)
{
    const struct row *row = row_of(option);

    const char *quote = row->takes == TAKES_DELAY && settings->world.delay[0] != '\0' ? "'" : "";

    fprintf(out, " %s %s", row->name, quote);
    print_value(settings, row, out);
    fputs(quote, out);
}

void run_settings_print(const struct run_settings *settings, FILE *out)
{
    fprintf(out, "dunlin-sim --seed %" PRIu64, settings->world.seed);
    for (const struct row *row = rows; row < rows + ROW_COUNT; row++)
        if (is_of_run(row))
            run_settings_print_one(settings, row->option, out);
    for (unsigned rule = 1; rule < RULE_COUNT; rule++)
        if (rules_removed(rule))
            fprintf(out, " %s %u", row_of(SIM_OPTION_WITHOUT)->name, rule);
    for (int mutant = 0; mutant < MUTANT_COUNT; mutant++)
        if (mutant_rows[mutant].rule == 0 && mutant_planted((enum mutant)mutant))
            fprintf(out, " %s %s", row_of(SIM_OPTION_MUTANT)->name, mutant_rows[mutant].name);
}

/* Names and words hold nothing that JSON would have escaped. */
void run_settings_print_json(const struct run_settings *settings, FILE *out)
{
    const char *separator = "";

    fputc('{', out);
    for (const struct row *row = rows; row < rows + ROW_COUNT; row++) {
        if (!is_of_run(row))
            continue;
        const bool quoted = row->takes == TAKES_WORD || row->takes == TAKES_LEVEL ||
                            row->takes == TAKES_FAULTS || row->takes == TAKES_DELAY;
        fprintf(out, "%s\"%s\":%s", separator, row->name + strlen("--"), quoted ? "\"" : "");
        print_value(settings, row, out);
        fputs(quoted ? "\"" : "", out);
        separator = ",";
    }
    fprintf(out, "%s\"without\":[", separator);
    separator = "";
    for (unsigned rule = 1; rule < RULE_COUNT; rule++)
        if (rules_removed(rule)) {
            fprintf(out, "%s%u", separator, rule);
            separator = ",";
        }
    fputs("]}", out);
}

void sim_options_help(FILE *out)
{
    fputs("usage: dunlin-sim [option ...]\n", out);
    for (const struct row *row = rows; row < rows + ROW_COUNT; row++) {
        if (row->name == NULL) {
            fprintf(out, "\n%s:\n", row->text);
            continue;
        }
        const int used = fprintf(out, "  %s %s", row->name, row->form);
        fprintf(out, "%*s %s", used < HELP_NAME_WIDTH ? HELP_NAME_WIDTH - used : 0, "", row->text);
        if (row->high > 0 && row->high < HELP_HIGH_MAX)
            fprintf(out, " (%" PRIu64 " to %" PRIu64 ")", row->low, row->high);
        fputc('\n', out);
        if (row->takes == TAKES_FAULTS)
            for (int fault = 0; fault < FAULT_COUNT; fault++)
                fprintf(out, "      %-20s  %s\n", fault_rows[fault].name, fault_rows[fault].text);
    }
    fputs(
        "\nExit status: 0 all passed; 2 safety: something was wrong; 3 liveness: something did "
        "not\nhappen in time, or a checker had nothing to judge; 4 a crash, or a run without end; "
        "64 a\nwrong option. A failure prints the command that replays it.\n",
        out);
}
