/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/span.h"

static uint8_t fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + ('a' - 'A')) : byte;
}

bool span_is(struct span span, const char *string)
{
    for (size_t i = 0; i < span.size; i++)
        if (string[i] == '\0' || fold(span.data[i]) != fold((uint8_t)string[i]))
            return false;
    return string[span.size] == '\0';
}

bool span_to_int64(struct span span, int64_t *value)
{
    const bool negative = span.size > 0 && span.data[0] == '-';
    const uint8_t *digit = span.data + (negative ? 1 : 0);
    const size_t digits = span.size - (negative ? 1 : 0);
    uint64_t magnitude = 0;

    if (digits == 0 || digits > 19 || (digits > 1 && digit[0] == '0') ||
        (negative && digit[0] == '0'))
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (digit[i] < '0' || digit[i] > '9')
            return false;
        magnitude = magnitude * 10 + (uint64_t)(digit[i] - '0'); /* 19 digits fit in 64 bits */
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return false;
    *value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

size_t int64_to_text(int64_t value, char text[INT64_TEXT_MAX])
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t size = value < 0 ? 1 : 0;

    text[0] = '-';
    for (uint64_t left = magnitude; left > 9; left /= 10)
        size++;
    const size_t last = size;
    size_t at = last;
    for (; magnitude > 9; magnitude /= 10)
        text[at--] = (char)('0' + magnitude % 10);
    text[at] = (char)('0' + magnitude);
    return last + 1;
}
