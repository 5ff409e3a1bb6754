/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The queues of gossip (queues.c has the others).
 */
#include "gossip/state.h"
#include "sim/check/stores.h"

void check_gossip_queues(const struct gossip *gossip, unsigned node, struct verdict *verdict)
{
    size_t news = 0;

    list_for_each(member, &gossip->news)
    {
        (void)member;
        news++;
    }
    check_queue("members with news", node, news, gossip->members.count + 1, verdict);
    check_queue("members", node, gossip->members.count, gossip->options.members_max, verdict);
}
