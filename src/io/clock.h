/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The only place that reads the clocks.
 */
#ifndef DUNLIN_IO_CLOCK_H
#define DUNLIN_IO_CLOCK_H

#include "base/instant.h"

struct instant clock_now(void);

#endif
