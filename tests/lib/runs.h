/* SPDX-License-Identifier: BSD-3-Clause
 *
 * How many runs from seeds a model makes. With the address sanitizer it is a fifth: what a run
 * shows there that it does not show in the plain build is a wrong access to memory, and the code
 * that all runs go through is the same.
 */
#ifndef DUNLIN_TESTS_LIB_RUNS_H
#define DUNLIN_TESTS_LIB_RUNS_H

#if defined __SANITIZE_ADDRESS__
#define RUNS_OF(count) (((count) + 4) / 5)
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define RUNS_OF(count) (((count) + 4) / 5)
#endif
#endif
#ifndef RUNS_OF
#define RUNS_OF(count) (count)
#endif

#endif
