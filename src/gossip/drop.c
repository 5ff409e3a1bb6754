/* SPDX-License-Identifier: BSD-3-Clause */
#include "gossip/drop.h"

#include "base/assert.h"

static const char *const names[GOSSIP_DROP_COUNT] = {
#define GOSSIP_DROP_NAME(name, text) [GOSSIP_DROP_##name] = text,
    GOSSIP_DROPS(GOSSIP_DROP_NAME)
#undef GOSSIP_DROP_NAME
};

const char *gossip_drop_name(enum gossip_drop drop)
{
    ensure(drop < GOSSIP_DROP_COUNT);
    return names[drop];
}
