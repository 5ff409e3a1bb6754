/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which checkers there are, and what each needs to be the judge of a run.
 *
 * A checker stands for an invariant of design.md (What must always hold). Most hold always. The
 * strict ones are promised for some levels only, or for one way to treat concurrent writes, and
 * some things that happen lift them. A need is one such condition; a checker whose needs are all
 * met must find something to judge, else the run has failed: it has shown nothing. Of one with a
 * need that is not met the run says which.
 */
#ifndef DUNLIN_TESTS_SIM_PROMISES_H
#define DUNLIN_TESTS_SIM_PROMISES_H

#include "sim/check/checks.h"
#include "sim/load/load.h"

/* The needs: name, how the run says that it is not met. The first that is not is the one that is
 * told. */
#define NEEDS(ROW)                                                                    \
    ROW(LWW, "conflict is siblings: a write replaces only what it saw")               \
    ROW(SIBLINGS, "conflict is lww: a key has one value")                             \
    ROW(STRICT, "sloppy-quorum: a stand-in may have counted towards W")               \
    ROW(ORDER, "2W <= N: of two writes the clocks say which is the later")            \
    ROW(OVERLAP, "R + W <= N: a read may miss what was acknowledged")                 \
    ROW(REPAIR, "R is below QUORUM: what so few agree on is answered unrepaired")     \
    ROW(SPREAD, "R + W > N + 1, and nodes forgot: what was read was on fewer than W") \
    ROW(COUNTERS, "FLUSHALL: the load has no counters")                               \
    ROW(MEMORY, "values were evicted or refused: counts go with them")                \
    ROW(REMEMBERED, "too many replicas forgot at once: counts go with them")          \
    ROW(HINTS, "hints are dropped: who lacks them stops to coordinate")               \
    ROW(GOSSIP, "the detector stands in for gossip")                                  \
    ROW(NO_RESTARTS, "nodes forgot: at a low level, what one alone had acknowledged") \
    ROW(RESTARTS, "nobody forgot anything")                                           \
    ROW(CACHES, "no client keeps copies of what it reads")                            \
    ROW(KNOWN, "nodes forgot: a batch that one owed, or recovers, may be in parts")   \
    ROW(LISTENERS, "nobody listens")                                                  \
    ROW(WALKS, "few scans ended, or few keys stay as long as one takes")

enum need {
#define ROW(NAME, text) NEED_##NAME,
    NEEDS(ROW)
#undef ROW
        NEED_COUNT
};

#define NEED_BIT(NAME) (1u << NEED_##NAME)
/* Of two acknowledged writes, one after the other, every replica keeps the later. */
#define NEED_LATER (NEED_BIT(LWW) | NEED_BIT(STRICT) | NEED_BIT(ORDER))
/* And every read sees it. */
#define NEED_SEEN (NEED_LATER | NEED_BIT(OVERLAP))
/* And what was read is as good as acknowledged. */
#define NEED_READ (NEED_SEEN | NEED_BIT(REPAIR) | NEED_BIT(SPREAD))
/* And a batch is handed on whole. */
#define NEED_GROUPS \
    (NEED_SEEN | NEED_BIT(COUNTERS) | NEED_BIT(MEMORY) | NEED_BIT(HINTS) | NEED_BIT(KNOWN))

/* The checkers: name, word, the number of the invariant in design.md, whether what it finds is a
 * matter of safety (else of liveness), its needs, what it finds. */
#define CHECKS(ROW)                                                                                \
    ROW(KEPT, "kept", 1, true, NEED_LATER, "an acknowledged write that is not seen")               \
    ROW(DELETED, "deleted", 2, true, NEED_LATER, "a value that is back after a DEL or FLUSHALL")   \
    ROW(ORDER, "order", 1, true, NEED_READ, "a value that was read, replaced, and read again")     \
    ROW(EXPIRED, "expired", 3, true, NEED_READ,                                                    \
        "a value past its deadline, or more time than it was given")                               \
    ROW(LASTED, "lasted", 3, true, NEED_READ, "a value gone before its deadline")                  \
    ROW(SIBLINGS, "siblings", 1, true, NEED_BIT(SIBLINGS),                                         \
        "a sibling that is lost, or back after what replaced it")                                  \
    ROW(SESSION, "session", 6, true, NEED_SEEN, "a connection that does not see its own writes")   \
    ROW(COUNTERS, "counters", 5, true,                                                             \
        NEED_SEEN | NEED_BIT(COUNTERS) | NEED_BIT(MEMORY) | NEED_BIT(REMEMBERED) |                 \
            NEED_BIT(HINTS),                                                                       \
        "an increment that is lost, or counts twice")                                              \
    ROW(COUNTED, "counted", 5, true,                                                               \
        NEED_BIT(LWW) | NEED_BIT(COUNTERS) | NEED_BIT(MEMORY) | NEED_BIT(REMEMBERED) |             \
            NEED_BIT(HINTS) | NEED_BIT(NO_RESTARTS),                                               \
        "a counter with other than what was added to it, when all is over")                        \
    ROW(BATCHES, "batches", 1, true, NEED_BIT(HINTS), "a batch that is half applied at a replica") \
    ROW(SCANNED, "scanned", 1, true, NEED_SEEN | NEED_BIT(MEMORY) | NEED_BIT(WALKS),               \
        "a key that was there throughout a scan, and was not returned")                            \
    ROW(CACHED, "cached", 6, true, NEED_BIT(CACHES),                                               \
        "a copy that a client keeps of what is not so any more")                                   \
    ROW(HALVES, "halves", 1, true, NEED_GROUPS,                                                    \
        "a half of what was written in one transaction, read in another")                          \
    ROW(WATCHED, "watched", 5, true, NEED_GROUPS,                                                  \
        "an EXEC that ran though a watched key was written, or was refused though none was")       \
    ROW(HEARD, "heard", 6, true, NEED_BIT(LISTENERS),                                              \
        "a message that is heard twice, out of order, or by nobody")                               \
    ROW(VOTES, "votes", 9, true, NEED_BIT(RESTARTS), "a vote of one who forgot")                   \
    ROW(CONVERGED, "converged", 4, true, 0, "replicas that differ when all is over")               \
    ROW(MEMORY, "memory", 8, true, 0, "a node that holds more than it may")                        \
    ROW(QUEUES, "queues", 8, true, 0, "a queue that is longer than its bound")                     \
    ROW(RING, "ring", 7, true, 0, "rings or headers that differ")                                  \
    ROW(CLAIMS, "claims", 7, true, 0,                                                              \
        "preference lists that differ, or copies too close together")                              \
    ROW(ANSWERED, "answered", 10, false, 0, "a command that was answered late, or never")          \
    ROW(LIVENESS, "liveness", 10, false, 0, "a command that failed with no fault about")           \
    ROW(MEMBERS, "members", 4, false, NEED_BIT(GOSSIP),                                            \
        "a node that does not see another as it is")                                               \
    ROW(WHOLE, "whole", 4, false, 0, "something not recovered, owed or unsettled long after")

enum check {
#define ROW(NAME, name, invariant, safety, needs, text) CHECK_##NAME,
    CHECKS(ROW)
#undef ROW
        CHECK_COUNT
};

struct check_row {
    const char *name;
    unsigned invariant;
    bool safety;
    unsigned needs; /* a bit for each enum need */
    const char *text;
};

extern const struct check_row check_rows[CHECK_COUNT];

/* For each checker, why it does not judge the run; NULL: it does, and has to find something. */
struct promises {
    const char *withheld[CHECK_COUNT];
};

/* Of a run that is over, but for its world. */
void promises_find(struct promises *promises, const struct world *world,
                   const struct load_settings *load, const struct history *history);
/* Whether the checker had to judge something, and did not. */
bool promises_unjudged(const struct promises *promises, enum check check,
                       const struct verdict *verdict);
/* One line: each checker and how much it judged, "-" where it does not. With `reasons`, a line more
 * for each of those, saying why. */
void promises_print(const struct promises *promises, const struct verdict verdicts[CHECK_COUNT],
                    bool reasons, FILE *out);

#endif
