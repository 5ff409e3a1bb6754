/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CRC-64 as Redis has it at the end of what DUMP answers: the polynomial of Jones,
 * 0xad93d23594c935a9, bits reflected, from 0 and not inverted.
 */
#ifndef DUNLIN_BASE_CRC64_H
#define DUNLIN_BASE_CRC64_H

#include "base/span.h"

/* `crc` is of what comes before, 0 of nothing. */
uint64_t crc64(uint64_t crc, struct span bytes);

#endif
