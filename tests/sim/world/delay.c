/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/delay.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* How often the probability to be longer is halved, and how many quantiles are in each half. */
#define HALVINGS  40
#define STEP_BITS 6
#define STEPS     (1 << STEP_BITS)
#define QUANTILES (HALVINGS * STEPS + 1)
/* Between two quantiles. */
#define BETWEEN_BITS 16

#define NS_PER_MS  1000000.0
#define WEIGHT_ONE (UINT64_C(1) << 32)
/* As far as weights may be from adding up to 1: three thirds are written 0.333. */
#define WEIGHT_SLACK 0.0015

#define ACCEPTED                                                                            \
    "accepted are const(x), uniform(a,b), exp(rate) and pareto(xm,alpha) in milliseconds, " \
    "several "                                                                              \
    "as form:weight+form:weight"

enum form { FORM_CONST, FORM_UNIFORM, FORM_EXP, FORM_PARETO };

static const struct form_text {
    const char *name;
    unsigned arguments;
} forms[] = {
    [FORM_CONST] = {"const", 1},
    [FORM_UNIFORM] = {"uniform", 2},
    [FORM_EXP] = {"exp", 1},
    [FORM_PARETO] = {"pareto", 2},
};

#define FORMS         (sizeof forms / sizeof forms[0])
#define ARGUMENTS_MAX 2

struct part {
    enum form form;
    double arguments[ARGUMENTS_MAX];
    double weight;
    uint64_t up_to; /* of WEIGHT_ONE: below it, and not below that of the part before */
    int64_t quantiles_ns[QUANTILES]; /* from the shortest to the longest */
};

struct delay {
    char *text;
    size_t count;
    struct part parts[];
};

/* Where the text is read. */
struct reader {
    const char *at;
    char *error;
};

static bool fail(const struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(const struct reader *reader, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reader->error, DELAY_ERROR_MAX, format, arguments);
    va_end(arguments);
    return false;
}

/* What stands there, as long as an error text bears. */
static const char *found(const struct reader *reader)
{
    return *reader->at == '\0' ? "the end" : reader->at;
}

/* ---- reading ---- */

static bool take(struct reader *reader, char wanted, const char *after)
{
    if (*reader->at != wanted)
        return fail(reader, "'%c' was expected after %s, found '%.40s'; " ACCEPTED, wanted, after,
                    found(reader));
    reader->at++;
    return true;
}

static bool take_number(struct reader *reader, const char *what, double *number)
{
    char *end;

    /* No sign, no "inf", no blank: strtod takes more than what is a delay. */
    if (strchr("0123456789.", *reader->at) == NULL || *reader->at == '\0')
        return fail(reader, "a number of 0 or more was expected as %s, found '%.40s'; " ACCEPTED,
                    what, found(reader));
    *number = strtod(reader->at, &end);
    if (end == reader->at || !isfinite(*number))
        return fail(reader, "a number of 0 or more was expected as %s, found '%.40s'; " ACCEPTED,
                    what, found(reader));
    reader->at = end;
    return true;
}

static bool take_form(struct reader *reader, enum form *form)
{
    const size_t length = strcspn(reader->at, "(");

    for (size_t i = 0; i < FORMS; i++)
        if (strlen(forms[i].name) == length && memcmp(reader->at, forms[i].name, length) == 0) {
            *form = (enum form)i;
            reader->at += length;
            return true;
        }
    return fail(reader, "unknown form of delay '%.40s'; " ACCEPTED, found(reader));
}

static bool check_arguments(const struct reader *reader, const struct part *part)
{
    const double first = part->arguments[0];
    const double second = part->arguments[1];

    switch (part->form) {
    case FORM_CONST:
        return first <= DELAY_MAX_MS ||
               fail(reader, "const(x): x is at most %.0f ms, found %g", DELAY_MAX_MS, first);
    case FORM_UNIFORM:
        return (first <= second && second <= DELAY_MAX_MS) ||
               fail(reader, "uniform(a,b): a is at most b and b at most %.0f ms, found %g and %g",
                    DELAY_MAX_MS, first, second);
    case FORM_EXP:
        return first > 0 || fail(reader, "exp(rate): the rate is over 0, found %g", first);
    case FORM_PARETO:
        return (first > 0 && first <= DELAY_MAX_MS && second > 0) ||
               fail(reader,
                    "pareto(xm,alpha): both are over 0 and xm is at most %.0f ms, found %g "
                    "and %g",
                    DELAY_MAX_MS, first, second);
    }
    return false;
}

static bool take_part(struct reader *reader, struct part *part)
{
    if (!take_form(reader, &part->form) || !take(reader, '(', forms[part->form].name))
        return false;
    for (unsigned i = 0; i < forms[part->form].arguments; i++)
        if ((i > 0 && !take(reader, ',', "an argument")) ||
            !take_number(reader, "an argument", &part->arguments[i]))
            return false;
    if (!take(reader, ')', "the arguments") || !check_arguments(reader, part))
        return false;
    part->weight = 1;
    if (*reader->at != ':')
        return true;
    reader->at++;
    if (!take_number(reader, "a weight", &part->weight))
        return false;
    return (part->weight > 0 && part->weight <= 1) ||
           fail(reader, "a weight is over 0 and at most 1, found %g", part->weight);
}

static bool take_parts(struct reader *reader, struct delay *delay)
{
    double sum = 0;
    double below = 0;

    for (;;) {
        if (delay->count == DELAY_PARTS_MAX)
            return fail(reader, "at most %d parts, found '%.40s' behind them", DELAY_PARTS_MAX,
                        found(reader));
        struct part *part = &delay->parts[delay->count++];
        if (!take_part(reader, part))
            return false;
        sum += part->weight;
        if (*reader->at == '\0')
            break;
        if (!take(reader, '+', "a part"))
            return false;
    }
    if (fabs(sum - 1) > WEIGHT_SLACK)
        return fail(reader, "the weights add up to %g, and have to add up to 1; " ACCEPTED, sum);
    for (size_t i = 0; i < delay->count; i++) {
        below += delay->parts[i].weight;
        delay->parts[i].up_to = (uint64_t)llround(below / sum * (double)WEIGHT_ONE);
    }
    delay->parts[delay->count - 1].up_to = WEIGHT_ONE;
    return true;
}

/* ---- the table ---- */

/* The delay that is exceeded with this probability, ms. */
static double quantile_ms(const struct part *part, double longer)
{
    const double first = part->arguments[0];
    const double second = part->arguments[1];

    switch (part->form) {
    case FORM_CONST:
        return first;
    case FORM_UNIFORM:
        return first + (second - first) * (1 - longer);
    case FORM_EXP:
        return -log(longer) / first;
    case FORM_PARETO:
        return first * pow(longer, -1 / second);
    }
    return 0;
}

/* Quantile i = STEPS * h + s is exceeded with the probability 2^-h * (1 - s / (2 * STEPS)). */
static void fill_table(struct part *part)
{
    for (int i = 0; i < QUANTILES; i++) {
        const double longer = ldexp(1 - (double)(i % STEPS) / (2 * STEPS), -(i / STEPS));
        const double ms = quantile_ms(part, longer);
        part->quantiles_ns[i] = llround((ms < DELAY_MAX_MS ? ms : DELAY_MAX_MS) * NS_PER_MS);
    }
}

struct delay *delay_create(const char *text, char error[DELAY_ERROR_MAX])
{
    struct reader reader = {.at = text, .error = error};
    struct delay *delay = memory_alloc(sizeof *delay + DELAY_PARTS_MAX * sizeof delay->parts[0]);

    if (!take_parts(&reader, delay)) {
        delay_destroy(&delay);
        return NULL;
    }
    delay->text = memory_copy_string(text);
    for (size_t i = 0; i < delay->count; i++)
        fill_table(&delay->parts[i]);
    return delay;
}

void delay_destroy(struct delay **delay)
{
    struct delay *d = *delay;

    *delay = NULL;
    if (d == NULL)
        return;
    memory_free(d->text);
    memory_free(d);
}

const char *delay_text(const struct delay *delay)
{
    return delay->text;
}

/* ---- drawing ---- */

/* `longer`, of 2^64, is the probability to be longer. Its highest bit that is set says how often it
 * was halved, the next ones which step of that half it is in, and those after where between two
 * quantiles. */
static int64_t read_table_ns(const struct part *part, uint64_t longer)
{
    if (longer >> (64 - HALVINGS) == 0)
        return part->quantiles_ns[QUANTILES - 1];
    const int halvings = __builtin_clzll(longer);
    const uint64_t below_top = longer << halvings << 1; /* two shifts: 63 + 1 is no shift */
    const int step = (int)(below_top >> (64 - STEP_BITS));
    const int64_t between = (int64_t)((below_top >> (64 - STEP_BITS - BETWEEN_BITS)) &
                                      ((1 << BETWEEN_BITS) - 1));
    const int64_t *quantile = &part->quantiles_ns[halvings * STEPS + STEPS - step];

    return quantile[0] - (((quantile[0] - quantile[-1]) * between) >> BETWEEN_BITS);
}

int64_t delay_draw_us(const struct delay *delay, struct rng *rng)
{
    const uint64_t which = rng_below(rng, WEIGHT_ONE);
    const uint64_t longer = rng_next(rng);
    size_t i = 0;

    while (which >= delay->parts[i].up_to)
        i++;
    return (read_table_ns(&delay->parts[i], longer) + 500) / 1000;
}
