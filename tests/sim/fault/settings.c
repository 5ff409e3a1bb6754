/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/rng.h"
#include "base/span.h"
#include "sim/fault/faults.h"

const struct fault_row fault_rows[FAULT_COUNT] = {
#define ROW(NAME, name, rate, of_12, begin, text) {name, rate, of_12, text},
    FAULTS(ROW)
#undef ROW
};

void fault_settings_all(struct fault_settings *settings)
{
    for (int fault = 0; fault < FAULT_COUNT; fault++)
        settings->rates[fault] = fault_rows[fault].rate;
}

/* In one run of three few kinds are left, so that each comes often. */
void fault_settings_draw(struct fault_settings *settings, uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed ^ UINT64_C(0xfa17));
    const unsigned of = rng_below(&rng, 3) == 0 ? 36 : 12;
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        const struct fault_row *row = &fault_rows[fault];
        settings->rates[fault] = rng_below(&rng, of) < row->of_12 ? row->rate : 0;
    }
}

/* One name, with or without its rate. */
static bool parse_one(struct fault_settings *settings, const char *text, size_t size)
{
    const char *equals = memchr(text, '=', size);
    const size_t name = equals != NULL ? (size_t)(equals - text) : size;
    int64_t rate = 1;

    if (equals != NULL && (!span_to_int64(span_of(equals + 1, size - name - 1), &rate) ||
                           rate < 0 || rate > FAULT_RATE_MAX))
        return false;
    for (int fault = 0; fault < FAULT_COUNT; fault++)
        if (strlen(fault_rows[fault].name) == name &&
            memcmp(fault_rows[fault].name, text, name) == 0) {
            settings->rates[fault] = (uint8_t)rate;
            return true;
        }
    return false;
}

bool fault_settings_parse(struct fault_settings *settings, const char *text)
{
    struct fault_settings parsed = {.rates = {0}};

    if (strcmp(text, "all") == 0) {
        fault_settings_all(settings);
        return true;
    }
    while (strcmp(text, "none") != 0) {
        const size_t size = strcspn(text, ",");
        if (!parse_one(&parsed, text, size))
            return false;
        if (text[size] == '\0')
            break;
        text += size + 1;
    }
    *settings = parsed;
    return true;
}

void fault_settings_print(const struct fault_settings *settings, char *text, size_t size)
{
    size_t at = 0;

    snprintf(text, size, "none");
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        const unsigned rate = settings->rates[fault];
        if (rate == 0 || at >= size)
            continue;
        at += (size_t)snprintf(text + at, size - at, "%s%s", at > 0 ? "," : "",
                               fault_rows[fault].name);
        if (rate > 1 && at < size)
            at += (size_t)snprintf(text + at, size - at, "=%u", rate);
    }
}
