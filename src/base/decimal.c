/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/decimal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

bool decimal_read(struct span text, long double *value)
{
    char copy[DECIMAL_TEXT_MAX];
    char *end;

    if (text.size == 0 || text.size >= sizeof copy || isspace(text.data[0]))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    errno = 0;
    const long double number = strtold(copy, &end);
    if (end != copy + text.size || isnan(number) || errno == EINVAL)
        return false;
    /* Too small is as wrong as too large; a denormal number, which is imprecise, is neither. */
    if (errno == ERANGE && (isinf(number) || number == 0))
        return false;
    *value = number;
    return true;
}

size_t decimal_write(long double value, char text[DECIMAL_TEXT_MAX])
{
    const int written = snprintf(text, DECIMAL_TEXT_MAX, "%.17Lf", value);

    ensure(isfinite(value) && written > 0 && written < DECIMAL_TEXT_MAX);
    size_t size = (size_t)written;
    while (text[size - 1] == '0') /* there is a point */
        size--;
    if (text[size - 1] == '.')
        size--;
    if (size == 2 && text[0] == '-' && text[1] == '0') {
        text[0] = '0';
        size = 1;
    }
    return size;
}
