/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Whole runs of nodes that break one rule each, which the simulator has to find: the linker puts
 * the functions below in the place of the real ones (-Wl,--wrap), which they call.
 */
#include <criterion/criterion.h>

#include "lib/timeout.h"
#include "node/control_parts.h"
#include "node/parts.h"
#include "replica/tally.h"
#include "sim/run.h"

#define SEEDS_MAX 40

TestSuite(broken, .timeout = TIMEOUT_S(60));

enum broken {
    NOTHING_BROKEN,
    WRITES_ARE_DROPPED,
    ONE_VOTE_IS_ENOUGH,
    STORED_IS_OVERLOOKED, /* a read-modify-write works on what was read, not on what is there */
    NO_COMMAND_WAITS,
    NO_TIME_OUT,
    PROMISES_ARE_BROKEN,  /* every RING INIT gets one, whatever was promised before */
    HEADERS_LET_ALL_VOTE, /* also after a restart */
    GOSSIP_BECOMES_DEAF,
};

/* Each test has a process of its own. */
static enum broken broken;
static unsigned calls;

struct offered __real_replica_offer(struct replica *replica, struct instant now,
                                    const struct place *place, struct dot over,
                                    const struct version *version);
struct offered __wrap_replica_offer(struct replica *replica, struct instant now,
                                    const struct place *place, struct dot over,
                                    const struct version *version);
void __real_replica_current(struct partition *partition, const struct place *place,
                            struct version *current);
void __wrap_replica_current(struct partition *partition, const struct place *place,
                            struct version *current);
bool __real_read_tally_begin(struct read_tally *tally, bool siblings, unsigned copies,
                             unsigned needed, const struct version *have);
bool __wrap_read_tally_begin(struct read_tally *tally, bool siblings, unsigned copies,
                             unsigned needed, const struct version *have);
void __real_coordinate_timeout(struct request *request);
void __wrap_coordinate_timeout(struct request *request);
void __real_client_append(struct client *client, struct request *request);
void __wrap_client_append(struct client *client, struct request *request);
enum promise_status __real_promise_give(struct control *control, const struct identity *ring,
                                        const struct identity *proposer, uint32_t partitions,
                                        char reason[REASON_MAX]);
enum promise_status __wrap_promise_give(struct control *control, const struct identity *ring,
                                        const struct identity *proposer, uint32_t partitions,
                                        char reason[REASON_MAX]);
enum promise_status __real_promise_keep(struct control *control, struct ring *ring,
                                        const struct identity *proposer, char reason[REASON_MAX]);
enum promise_status __wrap_promise_keep(struct control *control, struct ring *ring,
                                        const struct identity *proposer, char reason[REASON_MAX]);
void __real_recovery_begin(struct control *control);
void __wrap_recovery_begin(struct control *control);
void __real_control_datagram(struct control *control, struct instant now,
                             const struct node_address *from, struct span datagram);
void __wrap_control_datagram(struct control *control, struct instant now,
                             const struct node_address *from, struct span datagram);

struct offered __wrap_replica_offer(struct replica *replica, struct instant now,
                                    const struct place *place, struct dot over,
                                    const struct version *version)
{
    if (broken == WRITES_ARE_DROPPED && ++calls % 10 == 0)
        return (struct offered){.status = ACK_OK};
    return __real_replica_offer(replica, now, place, over, version);
}

void __wrap_replica_current(struct partition *partition, const struct place *place,
                            struct version *current)
{
    __real_replica_current(partition, place, current);
    if (broken == STORED_IS_OVERLOOKED && ++calls % 4 == 0)
        *current = (struct version){.deadline_ms = DEADLINE_NEVER};
}

bool __wrap_read_tally_begin(struct read_tally *tally, bool siblings, unsigned copies,
                             unsigned needed, const struct version *have)
{
    return __real_read_tally_begin(tally, siblings, copies,
                                   broken == ONE_VOTE_IS_ENOUGH ? 1 : needed, have);
}

void __wrap_coordinate_timeout(struct request *request)
{
    if (broken != NO_TIME_OUT)
        __real_coordinate_timeout(request);
}

/* Without a hash that is like another's, nothing waits. */
void __wrap_client_append(struct client *client, struct request *request)
{
    static uint64_t unlike = 1;

    if (broken == NO_COMMAND_WAITS)
        request->hash = ++unlike;
    __real_client_append(client, request);
}

enum promise_status __wrap_promise_give(struct control *control, const struct identity *ring,
                                        const struct identity *proposer, uint32_t partitions,
                                        char reason[REASON_MAX])
{
    if (broken == PROMISES_ARE_BROKEN)
        control->promise.given = false;
    return __real_promise_give(control, ring, proposer, partitions, reason);
}

enum promise_status __wrap_promise_keep(struct control *control, struct ring *ring,
                                        const struct identity *proposer, char reason[REASON_MAX])
{
    if (broken == PROMISES_ARE_BROKEN)
        control->promise = (struct promise){.given = true,
                                            .ring = ring->content.identity,
                                            .proposer = *proposer,
                                            .until_us = INT64_MAX};
    return __real_promise_keep(control, ring, proposer, reason);
}

void __wrap_recovery_begin(struct control *control)
{
    if (broken != HEADERS_LET_ALL_VOTE)
        __real_recovery_begin(control);
}

void __wrap_control_datagram(struct control *control, struct instant now,
                             const struct node_address *from, struct span datagram)
{
    if (broken != GOSSIP_BECOMES_DEAF || ++calls < 300)
        __real_control_datagram(control, now, from, datagram);
}

/* One seed that shows it is enough. */
static void expect_found(enum broken what, enum check check)
{
    struct run_settings settings;
    struct run_result result;

    run_defaults(&settings);
    settings.chaos_us = 4000000;
    broken = what;
    for (uint64_t seed = 1; seed <= SEEDS_MAX; seed++) {
        settings.world.seed = seed;
        calls = 0;
        run(&settings, NULL, &result);
        if (result.verdicts[check].wrong > 0)
            return;
    }
    cr_assert_fail("%d seeds do not show it", SEEDS_MAX);
}

Test(broken, acknowledging_what_is_not_kept_is_found)
{
    expect_found(WRITES_ARE_DROPPED, CHECK_KEPT);
}

Test(broken, reading_from_one_replica_is_found)
{
    expect_found(ONE_VOTE_IS_ENOUGH, CHECK_KEPT);
}

Test(broken, commands_that_pass_each_other_are_found)
{
    expect_found(NO_COMMAND_WAITS, CHECK_SESSION);
}

Test(broken, a_lost_addition_is_found)
{
    expect_found(STORED_IS_OVERLOOKED, CHECK_COUNTERS);
}

Test(broken, a_command_without_a_time_out_is_found)
{
    expect_found(NO_TIME_OUT, CHECK_ANSWERED);
}

Test(broken, two_rings_of_the_same_nodes_are_found)
{
    expect_found(PROMISES_ARE_BROKEN, CHECK_RING);
}

Test(broken, headers_that_let_one_vote_that_forgot_are_found)
{
    expect_found(HEADERS_LET_ALL_VOTE, CHECK_KEPT);
}

Test(broken, nodes_that_do_not_hear_each_other_any_more_are_found)
{
    expect_found(GOSSIP_BECOMES_DEAF, CHECK_MEMBERS);
}
