/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The keys that go over together: as many as a pipeline holds, with values of ADMIN_BATCH_BYTES at
 * most, or one key whose value alone is larger. And what is to be done with Dunlin's answer to one.
 */
#ifndef DUNLIN_MAIN_ADMIN_BATCH_H
#define DUNLIN_MAIN_ADMIN_BATCH_H

#include "main/admin_link.h"

#define ADMIN_BATCH_BYTES ((uint64_t)8 << 20)

enum admin_fate {
    ADMIN_FATE_OPEN, /* not known yet, or to be tried again */
    ADMIN_FATE_CARRIED,
    ADMIN_FATE_THERE,    /* Dunlin has it, and it stays as it is */
    ADMIN_FATE_VANISHED, /* the source has it no more */
    ADMIN_FATE_OTHER,    /* of a type that is not carried */
    ADMIN_FATE_FAILED,
    ADMIN_FATE_LEFT_OUT, /* of a comparison by sample */
    ADMIN_FATE_SAME,
    ADMIN_FATE_MISSING, /* Dunlin has it not, or another value, or another date */
    ADMIN_FATE_DIFFERS,
    ADMIN_FATE_OTHER_DATE,
};

struct admin_key {
    struct span name; /* in the reply to SCAN */
    uint64_t size;    /* of the value, bytes, when it was asked for */
    enum admin_fate fate;
    redisReply *type; /* the answer to TYPE; ours */
    redisReply *read; /* the answer to what was asked of the source last; ours */
    int64_t date_ms;  /* when it expires, -1: never */
    char reason[96];  /* of FAILED */
};

/* How many of the `count` keys, from the first on, make the next batch: at least one. Keys whose
 * fate is known cost nothing. */
size_t admin_batch_size(const struct admin_key *keys, size_t count);

/* Notes what Dunlin's answer to RESTORE means for the key. OPEN: an error that passes, whose text
 * is left in `reason`. */
void admin_batch_answered(struct admin_key *key, const redisReply *reply);

/* Makes a payload of DUMP one that Dunlin takes, in place: strings look the same in every version,
 * but newer ones are refused. False: it is damaged, or no string. */
bool admin_payload_fit(uint8_t *payload, size_t size);

/* Milliseconds to wait before the next of `attempts` tries, from 0 on. */
int64_t admin_backoff_ms(unsigned attempts);

#endif
