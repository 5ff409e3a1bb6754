/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The digest of a trace: a number that two runs share when all lines of their traces are the same.
 * It is made from what a line is made of, its format and its arguments, because to print every line
 * of a run whose trace nobody reads would take as long as much of the run itself. It is the same on
 * all machines, and the same whether the trace is written or not.
 */
#ifndef DUNLIN_TESTS_SIM_DIGEST_H
#define DUNLIN_TESTS_SIM_DIGEST_H

#include <stdarg.h>
#include <stdint.h>

#define DIGEST_EMPTY UINT64_C(0xcbf29ce484222325)

/* The digest of a trace with one more line. The format is printf's, with the conversions d, u, x, c
 * and s, lengths up to 64 bits and a precision of `*`: a string counts as far as it is printed.
 * Widths count as part of the format. */
uint64_t digest_line(uint64_t digest, int64_t now_us, const char *format, va_list arguments);

#endif
