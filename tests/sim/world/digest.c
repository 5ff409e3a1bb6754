/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim/world/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <xxhash.h>

#include "base/assert.h"

_Static_assert(sizeof(long) == 8 && sizeof(size_t) == 8, "l and z are 64 bits");

/* The order counts: each step multiplies what came before. */
static uint64_t mix(uint64_t digest, uint64_t value)
{
    digest = (digest ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return digest ^ (digest >> 29);
}

/* What stands between the % and the conversion. */
struct conversion {
    char letter;
    bool is_long;
    bool has_precision;
};

static struct conversion read_conversion(const char **at)
{
    struct conversion conversion = {0};

    for (;; (*at)++) {
        const char c = **at;
        if (c == 'l' || c == 'z')
            conversion.is_long = true;
        else if (c == '*')
            conversion.has_precision = true;
        else if (c != '.' && (c < '0' || c > '9'))
            break;
    }
    conversion.letter = *(*at)++;
    return conversion;
}

/* As far as it is printed: a precision that is not negative ends it. */
static uint64_t mix_string(uint64_t digest, const char *string, int precision)
{
    const char *end = precision < 0 ? NULL : memchr(string, '\0', (size_t)precision);
    const size_t size = end != NULL     ? (size_t)(end - string)
                        : precision < 0 ? strlen(string)
                                        : (size_t)precision;

    return mix(mix(digest, size), XXH3_64bits(string, size));
}

uint64_t digest_line(uint64_t digest, int64_t now_us, const char *format, va_list arguments)
{
    const char *at = format;

    digest = mix(digest, (uint64_t)now_us);
    while ((at = strchr(at, '%')) != NULL) {
        at++;
        const struct conversion conversion = read_conversion(&at);
        const int precision = conversion.has_precision ? va_arg(arguments, int) : -1;
        switch (conversion.letter) {
        case 'd':
        case 'c':
            digest = mix(digest, (uint64_t)(conversion.is_long ? va_arg(arguments, int64_t)
                                                               : va_arg(arguments, int)));
            break;
        case 'u':
        case 'x':
            digest = mix(digest, conversion.is_long ? va_arg(arguments, uint64_t)
                                                    : va_arg(arguments, unsigned));
            break;
        case 's':
            digest = mix_string(digest, va_arg(arguments, const char *), precision);
            break;
        default:
            ensure(conversion.letter == '%');
        }
    }
    return mix(digest, XXH3_64bits(format, strlen(format)));
}
