/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Decimal fractions as INCRBYFLOAT has them: read and written as Redis does, in the machine's long
 * double, so that on one kind of machine both give the same digits.
 */
#ifndef DUNLIN_BASE_DECIMAL_H
#define DUNLIN_BASE_DECIMAL_H

#include "base/span.h"

/* Bytes of a text at most, read or written: the largest long double has 4933 digits before the
 * point, and 17 are written behind it. */
#define DECIMAL_TEXT_MAX 5120

/* Reads all of `text`, in any form that strtold takes (an exponent, hexadecimal, "inf"). False, and
 * *value untouched, where it is empty, begins with a blank, is too long, no number, or out of
 * range. */
bool decimal_read(struct span text, long double *value);

/* Writes the number, which is finite, with at most 17 digits behind the point and none that says
 * nothing; returns the number of bytes, without a terminator. */
size_t decimal_write(long double value, char text[DECIMAL_TEXT_MAX]);

#endif
