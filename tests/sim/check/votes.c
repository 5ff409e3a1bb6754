/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <xxhash.h>

#include "base/memory.h"
#include "base/metrics.h"
#include "sim/check/stores.h"
#include "sim/world/node.h"
#include "wire/wire.h"

/* Questions whose answers are awaited, in sets by their hash; a new one takes the place of the
 * oldest of its set. In one place each, one in a hundred was gone before its answer came where many
 * recover at once, and its answerer was missing among the sources. */
#define QUESTION_SETS 8192u
#define QUESTION_WAYS 8u

/* A question about a partition. */
struct question {
    uint64_t id;
    uint64_t number; /* they are counted; 0: there is none */
    uint16_t asker, asked;
    uint32_t partition;
};

/* What is known of a node's vote in a partition. */
struct voter {
    bool recovering;   /* at the last look */
    uint32_t recovery; /* its number, then */
    uint8_t looks;     /* in a row that found it in that recovery, up to 2 */
    uint64_t sources;  /* a bit for each node that told it what it has, and votes, since then */
};

struct votes {
    struct world *world;
    struct question (*questions)[QUESTION_WAYS]; /* by set */
    uint64_t questions_asked;
    struct voter *voters[WORLD_NODES_MAX + 1]; /* by node, then by partition */
    unsigned boots[WORLD_NODES_MAX + 1];
    uint64_t answers; /* of nodes that recover */
    uint64_t wrong;   /* of these, those that count as votes */
    struct question last_wrong;
};

static struct question *set_of(struct votes *votes, unsigned asker, unsigned asked, uint64_t id)
{
    const uint64_t words[] = {id, asker * 100 + asked};

    return votes->questions[XXH3_64bits(words, sizeof words) % QUESTION_SETS];
}

static void note_question(struct votes *votes, unsigned asker, unsigned asked, uint64_t id,
                          uint32_t partition)
{
    struct question *oldest = set_of(votes, asker, asked, id);

    for (struct question *place = oldest, *end = oldest + QUESTION_WAYS; place < end; place++)
        if (place->number < oldest->number)
            oldest = place;
    *oldest = (struct question){.id = id,
                                .number = ++votes->questions_asked,
                                .asker = (uint16_t)asker,
                                .asked = (uint16_t)asked,
                                .partition = partition};
}

/* The question that `asked` answers, NULL: it is not known. */
static const struct question *find_question(struct votes *votes, unsigned asker, unsigned asked,
                                            uint64_t id)
{
    const struct question *set = set_of(votes, asker, asked, id), *found = NULL;

    for (const struct question *place = set; place < set + QUESTION_WAYS; place++)
        if (place->asker == asker && place->asked == asked && place->id == id &&
            (found == NULL || place->number > found->number)) /* ids begin anew in each life */
            found = place;
    return found;
}

/* Whether the node has not voted there since the look before the last. One that recovered since,
 * and was told behind an answer that it forgot, recovers at both ends of that time, and voted
 * between them; and what it answered before a look may leave it after that, at the end of its turn.
 */
static bool recovers_since(const struct voter *voter, const struct partition *partition)
{
    return voter->looks == 2 && voter->recovering && partition->recovering &&
           voter->recovery == partition->recovery;
}

/* A read was answered, as by one who votes or not. */
static void note_answer(struct votes *votes, const struct question *question, bool as_vote)
{
    const struct sim_node *node = votes->world->nodes[question->asked];
    const struct voter *voter = &votes->voters[question->asked][question->partition];

    if (node->boots != votes->boots[question->asked] ||
        !recovers_since(voter, store_partition(node->store, question->partition)))
        return;
    votes->answers++;
    votes->wrong += as_vote;
    if (as_vote)
        votes->last_wrong = *question;
}

/* The node is seen to recover, or not to. */
static void follow(struct voter *voter, bool recovering)
{
    if (!voter->recovering && recovering)
        voter->sources = 0;
    voter->recovering = recovering;
}

/* One who votes told the asker what it has. */
static void note_source(struct votes *votes, const struct question *question, uint8_t status)
{
    const struct sim_node *asker = votes->world->nodes[question->asker];
    struct voter *voter = &votes->voters[question->asker][question->partition];

    if (status != ANSWER_VERSION || asker->boots != votes->boots[question->asker] ||
        !asker->running || !store_partition(asker->store, question->partition)->recovering)
        return;
    follow(voter, true);
    voter->sources |= UINT64_C(1) << question->asked;
}

static void on_message(void *context, unsigned from, unsigned to,
                       const struct wire_message *message)
{
    struct votes *votes = context;
    const struct question *question;

    switch (message->type) {
    case WIRE_READ:
        note_question(votes, from, to, message->read.id, message->read.partition);
        break;
    case WIRE_PULL:
        note_question(votes, from, to, message->pull.id, message->pull.partition);
        break;
    case WIRE_COMPARE:
        note_question(votes, from, to, message->compare.id, message->compare.partition);
        break;
    case WIRE_ANSWER:
        question = find_question(votes, to, from, message->answer.id);
        if (question != NULL)
            note_answer(votes, question,
                        message->answer.status == ANSWER_SAME ||
                            message->answer.status == ANSWER_VERSION ||
                            message->answer.status == ANSWER_NONE);
        break;
    case WIRE_ABSENT:
        question = find_question(votes, to, from, message->absent.id);
        if (question != NULL)
            note_answer(votes, question, true);
        break;
    case WIRE_CHUNK:
        question = find_question(votes, to, from, message->chunk.id);
        if (question != NULL)
            note_source(votes, question, message->chunk.status);
        break;
    case WIRE_COMPARED:
        question = find_question(votes, to, from, message->compared.id);
        if (question != NULL)
            note_source(votes, question, message->compared.status);
        break;
    default:
        break;
    }
}

static unsigned sources_needed(const struct ring_claim *claim)
{
    return claim->count - (claim->count / 2 + 1) + 1;
}

static void look_at(struct votes *votes, const struct sim_node *node,
                    const struct ring_claim *claim, uint32_t p, bool forced,
                    struct verdict *verdict)
{
    struct voter *voter = &votes->voters[node->number][p];
    const bool recovering = store_partition(node->store, p)->recovering;

    if (voter->recovering && !recovering) {
        const unsigned sources = (unsigned)__builtin_popcountll(voter->sources);
        verdict->judged++;
        if (sources < sources_needed(claim) && !forced) {
            verdict_wrong(verdict,
                          "votes: node %u votes in partition %u at %" PRId64
                          " and has asked %u who vote",
                          node->number, p, votes->world->now_us, sources);
            verdict_about(verdict, node->number, (int)p, votes->world->now_us);
        }
    }
    const uint32_t recovery = store_partition(node->store, p)->recovery;
    if (!recovering || node->paused) /* a turn of a paused one ends when it goes on */
        voter->looks = 0;
    else if (voter->recovering && voter->recovery == recovery)
        voter->looks += voter->looks < 2;
    else
        voter->looks = 1;
    follow(voter, recovering);
    voter->recovery = recovery;
}

/* Most partitions recover neither now nor at the last look. */
static bool is_eventful(const struct votes *votes, const struct sim_node *node, uint32_t p)
{
    return votes->voters[node->number][p].recovering || store_partition(node->store, p)->recovering;
}

void votes_look(struct votes *votes, bool forced, struct verdict *verdict)
{
    for (unsigned i = 1; i <= votes->world->settings.nodes; i++) {
        const struct sim_node *node = votes->world->nodes[i];
        const struct ring *ring = sim_node_ring(node);
        if (ring == NULL)
            continue;
        if (node->boots != votes->boots[i])
            memset(votes->voters[i], 0,
                   votes->world->settings.partitions * sizeof votes->voters[i][0]);
        votes->boots[i] = node->boots;
        const bool free_to = forced || metrics_sum(node->metrics, METRIC_FORCED_RECOVERIES) > 0;
        for (uint32_t p = 0; p < ring_partition_count(ring); p++)
            if (is_eventful(votes, node, p) &&
                ring_claim_index(ring_claim(ring, p), (node_number)i) >= 0)
                look_at(votes, node, ring_claim(ring, p), p, free_to, verdict);
    }
    verdict->judged += votes->answers;
    if (votes->wrong > 0) {
        verdict_wrong(verdict, "votes: %" PRIu64 " answers of nodes that recover count as votes",
                      votes->wrong);
        verdict_about(verdict, votes->last_wrong.asked, (int)votes->last_wrong.partition,
                      votes->world->now_us);
    }
    votes->answers = votes->wrong = 0;
}

struct votes *votes_create(struct world *world)
{
    struct votes *votes = memory_alloc(sizeof *votes);

    votes->world = world;
    votes->questions = memory_alloc_array(QUESTION_SETS, sizeof votes->questions[0]);
    for (unsigned i = 1; i <= world->settings.nodes; i++)
        votes->voters[i] = memory_alloc_array(world->settings.partitions,
                                              sizeof votes->voters[i][0]);
    world_watch(world, on_message, votes);
    return votes;
}

void votes_destroy(struct votes **votes)
{
    struct votes *v = *votes;

    *votes = NULL;
    for (unsigned i = 1; i <= WORLD_NODES_MAX; i++) /* the world may be gone */
        memory_free(v->voters[i]);
    memory_free(v->questions);
    memory_free(v);
}
