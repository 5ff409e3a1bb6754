/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void ensure_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "dunlin: %s:%d: this must hold and does not: %s\n", file, line, condition);
    abort();
}
