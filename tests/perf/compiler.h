/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The compiler that builds the program, as tests/perf/figures names it.
 */
#ifndef DUNLIN_TESTS_PERF_COMPILER_H
#define DUNLIN_TESTS_PERF_COMPILER_H

#define COMPILER_TEXT(number)  #number
#define COMPILER_QUOTE(number) COMPILER_TEXT(number)
#ifdef __clang__
#define COMPILER "clang-" COMPILER_QUOTE(__clang_major__)
#else
#define COMPILER "gcc-" COMPILER_QUOTE(__GNUC__)
#endif

#endif
