/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/rng.h"
#include "base/span.h"
#include "sim/fault/faults.h"

const struct fault_row fault_rows[FAULT_COUNT] = {
#define ROW(NAME, name, text) {name, text},
    FAULTS(ROW)
#undef ROW
};

/* In how many of twelve runs a kind is; 0 stands for 9. Those after which little can be told from a
 * history are in few. */
static const unsigned kept_of_12[FAULT_COUNT] = {
    [FAULT_SKEW] = 6, [FAULT_ALL_RESTART] = 2, [FAULT_MEMORY] = 3, [FAULT_EVICT] = 4};

void fault_settings_all(struct fault_settings *settings)
{
    memset(settings->rates, 1, sizeof settings->rates);
}

void fault_settings_draw(struct fault_settings *settings, uint64_t seed)
{
    struct rng rng;

    rng_init(&rng, seed ^ UINT64_C(0xfa17));
    for (int fault = 0; fault < FAULT_COUNT; fault++) {
        const unsigned kept = kept_of_12[fault] > 0 ? kept_of_12[fault] : 9;
        settings->rates[fault] = rng_below(&rng, 12) < kept;
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
