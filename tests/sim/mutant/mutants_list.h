/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of mutants, and of the switches that it makes.
 *
 * A row's options are those of dunlin-sim: what the mutant needs to show, laid over what the seed
 * draws and over MUTANT_OPTIONS. Its seeds are at least ten times what it took when it was
 * measured, and many times what it takes on average: any change of the code moves seeds.
 */
#ifndef DUNLIN_TESTS_SIM_MUTANTS_LIST_H
#define DUNLIN_TESTS_SIM_MUTANTS_LIST_H

/* Under these the strict checkers judge. */
#define MUTANT_OPTIONS                                                                             \
    "--nodes 3 --replicas 3 --read QUORUM --write QUORUM --conflict lww --sloppy no --duration 5 " \
    "--clients 3 --keys 160 --think 40 "                                                           \
    "--faults break,partition,oneway,isolate,pause,slow,clock,restart,loss"

/* Concurrent writes of few keys. */
#define SIBLINGS "--conflict siblings --keys 40"
/* So many keys that hardly any is read, and so repaired, before what was owed passes for settled.
 */
#define DEBTS_LOST                                                \
    "--keys 1500 --duration 15 --memory 0 --flushes no --faults " \
    "restart=4,isolate=4,partition=2,break"
/* Marks are given up all the time. */
#define MARKS_OVERFLOW                                                \
    "--keys 100 --duration 15 --memory 0 --flushes no --partitions 4" \
    " --mark-slots 4 --faults evict=5,isolate=4,partition=2"
#define HOT_KEYS    "--keys 40 --memory 0 --flushes no"
#define FULL_STORES "--partitions 16 --memory 560000 --faults memory=4,isolate=2,partition,break"
#define FULL_HINTS                                                 \
    "--hint-bytes 3000 --memory 0 --faults isolate=3,partition=3," \
    "pause=2"
#define RESTARTS \
    "--memory 0 --flushes no --duration 10 --faults restart=5,isolate=2,pause,slow,break"
#define CUT_OFF                                                                                  \
    "--nodes 5 --replicas 5 --memory 0 --flushes no --keys 40 --duration 10 --faults isolate=4," \
    "partition=4,oneway=3,break=2"
#define FORWARDS "--nodes 5 --memory 0 --flushes no --duration 10 --faults pause=5,slow=2,break"

#define COPIES "--caches yes --keys 40"
/* Where one replica alone tells, so that what it could not tell is told by nobody. */
#define COPIES_APART                                                                       \
    "--caches yes --nodes 4 --replicas 1 --keys 400 --memory 0 --flushes no --duration 8 " \
    "--faults isolate=5,break=5"
#define TRANSACTIONS "--memory 0 --flushes no --partitions 16 --duration 10"

/* Nobody forgets anything. */
#define TOGETHER TRANSACTIONS " --faults break,partition,pause,slow"
#define MESSAGES "--listeners 4 --memory 0 --flushes no"

/* Those that find what is wrong with data. */
#define BY_DATA                                                                            \
    (BY_KEPT | BY_DELETED | BY_ORDER | BY_EXPIRED | BY_LASTED | BY_SESSION | BY_COUNTERS | \
     BY_CONVERGED)

/* clang-format off */
/*   name, rule (0: it is planted), options, seeds, those that may find it, what is wrong */
#define MUTANTS(ROW)                                                                              \
    ROW(RULE_1, "rule-1", 1, "", 100, BY_DATA,                                                     \
        "a replica that knows a newer dot acknowledges")                                          \
    ROW(RULE_2, "rule-2", 2, "", 32, BY_DATA,                                                     \
        "nobody owes what a replica has not answered for")                                        \
    ROW(RULE_3, "rule-3", 3, MARKS_OVERFLOW, 100, BY_DATA, "what vanishes leaves no mark")                     \
    ROW(RULE_4, "rule-4", 4, MARKS_OVERFLOW, 150, BY_DATA, "a mark goes before it is settled")     \
    ROW(RULE_5, "rule-5", 5, MARKS_OVERFLOW, 64, BY_DATA,                                         \
        "a mark that is given up raises no floor")                                                \
    ROW(RULE_6, "rule-6", 6, "", 100, BY_DATA, "a tombstone goes before it is settled")            \
    ROW(RULE_7, "rule-7", 7, "", 64, BY_DATA, "what arrives past its deadline is not kept")       \
    ROW(RULE_8, "rule-8", 8, MARKS_OVERFLOW, 64, BY_DATA, "marks and floor bar nothing")          \
    ROW(RULE_10, "rule-10", 10, MARKS_OVERFLOW, 150, BY_DATA,                                      \
        "having nothing is a vote also below the floor")                                          \
    ROW(RULE_12, "rule-12", 12, RESTARTS, 150, BY_DATA | BY_VOTES, "who forgot votes")             \
    ROW(RULE_13, "rule-13", 13, RESTARTS, 32, BY_DATA | BY_VOTES, "who recovers asks too few")    \
    ROW(RULE_17, "rule-17", 17, DEBTS_LOST, 100, BY_DATA,                                          \
        "who restarted tells of what is settled before all is compared")                          \
    ROW(RULE_24, "rule-24", 24, TRANSACTIONS, 64, BY_BATCHES,                                     \
        "one version of a batch is handed on without the others")                                 \
    ROW(BATCH_TORN, "batch-torn", 0, TRANSACTIONS, 32, BY_BATCHES,                                \
        "a replica keeps the versions of a batch one at a time")                                  \
    ROW(ACK_WITHOUT_KEEPING, "ack-without-keeping", 0, "", 32, BY_DATA,                           \
        "one version in ten is acknowledged and not kept")                                        \
    ROW(TOMBSTONE_DROPPED, "tombstone-dropped", 0, "", 32, BY_DELETED,                            \
        "a tombstone is dropped at once")                                                         \
    ROW(EXPIRY_REBASED, "expiry-rebased", 0, "", 64, BY_EXPIRED | BY_LASTED,                      \
        "a time to live begins anew where the version arrives")                                   \
    ROW(EXPIRED_SERVED, "expired-served", 0, "", 32, BY_EXPIRED,                                  \
        "a value is served past its deadline")                                                    \
    ROW(EXPIRED_EARLY, "expired-early", 0, "", 32, BY_LASTED,                                     \
        "a value goes before its deadline")                                                       \
    ROW(FULL_KEEPS_OLDER, "full-keeps-older", 0, FULL_STORES, 64, BY_DATA | BY_BATCHES,            \
        "who has no room for a version keeps an older one")                                       \
    ROW(MEMORY_UNBOUNDED, "memory-unbounded", 0, FULL_STORES, 32, BY_MEMORY,                      \
        "a store without its bound")                                                              \
    ROW(MARKS_UNBOUNDED, "marks-unbounded", 0, MARKS_OVERFLOW, 32, BY_QUEUES,                     \
        "a table of marks without its bound")                                                     \
    ROW(FLUSH_MISSES, "flush-misses", 0, "--flushes yes", 32, BY_DELETED,                         \
        "a FLUSHALL misses some partitions")                                                      \
    ROW(DOT_REUSED, "dot-reused", 0, HOT_KEYS, 32, BY_DATA,                                       \
        "a clock that is set back gives a dot again")                                             \
    ROW(CEILING_PASSED, "ceiling-passed", 0, "", 32, BY_RING,                                     \
        "stamps are taken above the ceiling that is on disk")                                     \
    ROW(ONE_VOTE, "one-vote", 0, "", 32, BY_KEPT | BY_ORDER | BY_SESSION,                         \
        "a read is answered from one replica")                                                    \
    ROW(READ_COUNTED_TWICE, "read-counted-twice", 0, "", 32, BY_KEPT | BY_ORDER | BY_SESSION,     \
        "the tally counts one replica's vote twice")                                              \
    ROW(WRITE_COUNTED_TWICE, "write-counted-twice", 0, "", 32, BY_KEPT | BY_ORDER | BY_SESSION,   \
        "the tally counts one replica's acknowledgement twice")                                   \
    ROW(OLDER_REPAIRED, "older-repaired", 0, "", 64, BY_KEPT | BY_ORDER | BY_CONVERGED,           \
        "read repair writes back the older value")                                                \
    ROW(NOT_REPAIRED, "not-repaired", 0, CUT_OFF, 64, BY_ORDER,                                        \
        "what is read is not given to those that lack it")                                        \
    ROW(STORED_OVERLOOKED, "stored-overlooked", 0, "--memory 0 --flushes no", 200, BY_COUNTERS,   \
        "a read-modify-write overlooks what is stored by now")                                    \
    ROW(COUNTER_REPLACED, "counter-replaced", 0, HOT_KEYS, 200, BY_COUNTERS | BY_CONVERGED,       \
        "of two counters the newer is kept")                                                      \
    ROW(SHARES_ADDED_UP, "shares-added-up", 0, HOT_KEYS, 64, BY_COUNTERS | BY_CONVERGED,          \
        "two states of one share are added up")                                                   \
    ROW(SCAN_OF_ONE, "scan-of-one", 0, "--memory 0 --flushes no", 32, BY_SCANNED,                 \
        "a page is what one replica has")                                                         \
    ROW(PUSH_AHEAD, "push-ahead", 0, COPIES, 64, BY_CACHED,                                       \
        "a client is told of a change before the reply of a read in flight")                      \
    ROW(CHANGES_UNHEARD, "changes-unheard", 0, COPIES_APART, 64, BY_CACHED,                             \
        "what may have changed while a link was broken is not told")                              \
    ROW(GROUP_APART, "group-apart", 0, TOGETHER, 100, BY_HALVES,                                  \
        "a group reads its keys at several moments")                                              \
    ROW(WATCH_BLIND, "watch-blind", 0, TOGETHER, 32, BY_WATCHED,                                  \
        "EXEC does not look at what was watched")                                                 \
    ROW(MESSAGE_TWICE, "message-twice", 0, MESSAGES, 32, BY_HEARD,                               \
        "a message is handed out twice now and then")                                             \
    ROW(MESSAGE_LOST, "message-lost", 0, MESSAGES, 32, BY_HEARD,                                 \
        "one message in ten is not handed to a worker, and is counted")                           \
    ROW(SIBLING_DROPPED, "sibling-dropped", 0, SIBLINGS, 64, BY_SIBLINGS | BY_CONVERGED,          \
        "a merge drops a sibling")                                                                \
    ROW(SIBLING_OVERWRITTEN, "sibling-overwritten", 0, SIBLINGS, 64, BY_SIBLINGS,                 \
        "a write covers what its context does not")                                               \
    ROW(HINT_RESTAMPED, "hint-restamped", 0, "", 64, BY_DATA,                                     \
        "a hint without its version: it gets a new one")                                          \
    ROW(HINT_LOST, "hint-lost", 0, "", 100, BY_DATA, "a hint is lost, and nobody is told")         \
    ROW(HINTS_UNBOUNDED, "hints-unbounded", 0, FULL_HINTS, 32, BY_MEMORY | BY_QUEUES,                         \
        "the queue of hints without its bound")                                                   \
    ROW(HINTS_SETTLED, "hints-settled", 0, "", 100, BY_DATA,                                       \
        "what is owed as a hint passes for settled")                                              \
    ROW(SETTLED_ALONE, "settled-alone", 0, "", 64, BY_DATA,                                       \
        "what one node owes nobody passes for settled")                                           \
    ROW(NEVER_SETTLED, "never-settled", 0, "", 32, BY_WHOLE,                                      \
        "what one node tells of its debts is not heard")                                          \
    ROW(REQUEST_BY_SLOT, "request-by-slot", 0, "", 100, BY_DATA,                                   \
        "an answer finds a request by its slot alone")                                            \
    ROW(FORWARDED_TWICE, "forwarded-twice", 0, FORWARDS, 100, BY_DATA,                            \
        "a forwarded command runs twice")                                                         \
    ROW(FORWARDED_LATE, "forwarded-late", 0, FORWARDS, 100, BY_DATA,                               \
        "a forwarded command runs after its deadline")                                            \
    ROW(UNORDERED, "unordered", 0, "", 32, BY_SESSION, "a client's commands pass each other")     \
    ROW(NO_TIME_OUT, "no-time-out", 0, "", 32, BY_ANSWERED, "a request has no time-out")          \
    ROW(NEVER_PROMISING, "never-promising", 0, "", 32, BY_LIVENESS,                               \
        "after a while no other node is asked any more")                                          \
    ROW(VOTES_AT_ONCE, "votes-at-once", 0, RESTARTS, 100, BY_DATA,                                 \
        "who restarted believes that it has all")                                                 \
    ROW(CLAIM_UNCOMPARED, "claim-uncompared", 0, "", 32, BY_RING,                                 \
        "one node goes by another claim, and no version is compared")                             \
    ROW(PROMISE_BROKEN, "promise-broken", 0, "", 100, BY_RING, "two RING INITs are both promised") \
    ROW(RINGS_DIFFER, "rings-differ", 0, "", 32, BY_RING | BY_CLAIMS, "two nodes compute different rings")    \
    ROW(ZONES_OVERLOOKED, "zones-overlooked", 0, "--nodes 6 --zones 3", 32, BY_CLAIMS,            \
        "copies are planned without a look at zones")                                             \
    ROW(UNREFUTED, "unrefuted", 0, "", 64, BY_MEMBERS,                      \
        "a suspicion cannot be refuted")                                                          \
    ROW(DEAF, "deaf", 0, "", 150, BY_MEMBERS | BY_LIVENESS, "nodes stop hearing datagrams")
/* clang-format on */

enum mutant {
#define ROW(NAME, ...) MUTANT_##NAME,
    MUTANTS(ROW)
#undef ROW
        MUTANT_COUNT
};

#endif
