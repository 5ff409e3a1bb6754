/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The table of peer messages: a row a message, a line a field. The structures, the encoders and the
 * decoders (wire/wire.h) are made from it, and nothing else knows a message's layout.
 *
 * Rows of WIRE_MAPS travel as a msgpack map from field names to values: control messages, few and
 * never in a hurry. A field may be added at any place; who does not know it skips it, and who
 * misses it reads 0 or no bytes. Rows of WIRE_MESSAGES travel as their fields in order,
 * little-endian and unpadded. A later version may add fields at the end only, and must not miss
 * them where a peer's protocol version says that it does not have them. Numbers are never reused in
 * either.
 *
 *   kind      C type               bytes in a WIRE_MESSAGES row
 *   u8..u64   uint8_t..uint64_t    1, 2, 4, 8
 *   id        uint8_t [16]         16
 *   dot       struct dot           10: stamp u64, node u16
 *   span      struct span          4 + n: size u32, bytes
 *   version   struct version       1 where there is none: 255; else 23 + n:
 *                                  kind u8, dot, deadline i64, size u32, bytes
 *   args      struct wire_args     8 + n: count u32, size u32 of what follows, then a span each
 *
 * `id` alone (u64) pairs an answer with its question: chosen by the asker, and never twice on a
 * link, so that a late answer meets nobody. `claim_version` is that of the sender's claim for the
 * partition (ring/ring.h); in an answer that refuses, the replica's own.
 */
#ifndef DUNLIN_WIRE_MESSAGES_H
#define DUNLIN_WIRE_MESSAGES_H

/* What a node says of itself at both ends of a new link. */
#define WIRE_HELLO_FIELDS(FIELD)                                                            \
    FIELD(u16, version_min) /* protocol versions that it speaks */                          \
    FIELD(u16, version_max)                                                                 \
    FIELD(u8, role)      /* what it opens the link for: enum wire_role */                   \
    FIELD(span, cluster) /* the cluster's name */                                           \
    FIELD(id, ring)      /* the ring's identity, all 0: it has none */                      \
    FIELD(id, node)      /* the node's identity */                                          \
    FIELD(u16, number)   /* the node's number in the ring, 0: it has none */                \
    FIELD(u64, boot)     /* drawn at the start of the process */                            \
    FIELD(id, challenge) /* drawn for this link; the other end proves the secret over it */ \
    FIELD(span, proof)   /* HMAC-SHA256, 32 bytes; none where no challenge is known yet */

#define WIRE_HELLO_OK_FIELDS(FIELD) \
    WIRE_HELLO_FIELDS(FIELD)        \
    FIELD(span, refusal) /* why it does not talk to the other; none: welcome */

#define WIRE_PROOF_FIELDS(FIELD) FIELD(span, proof) /* the opener's, over HELLO_OK's challenge */

#define WIRE_MAPS(ROW)                                                  \
    ROW(1, HELLO, hello, WIRE_HELLO_FIELDS)          /* opens a link */ \
    ROW(2, HELLO_OK, hello_ok, WIRE_HELLO_OK_FIELDS) /* answers it */   \
    ROW(3, PROOF, proof, WIRE_PROOF_FIELDS) /* ends the handshake, where there is a secret */

/* A client's command, for the coordinator of its key. It is sent once: what may have run is sent to
 * nobody again, unless it is a read. */
#define WIRE_FORWARD_FIELDS(FIELD)                                                       \
    FIELD(u64, id)                                                                       \
    FIELD(u64, deadline_ms) /* a date; it does not run, nor is it stamped, after that */ \
    FIELD(u64, claim_version)                                                            \
    FIELD(u16, partition)                                                                \
    FIELD(u8, flags) /* enum wire_forward_flag */                                        \
    FIELD(u8, read_level)                                                                \
    FIELD(u8, write_level)                                                               \
    FIELD(args, args)

#define WIRE_REPLY_FIELDS(FIELD)              \
    FIELD(u64, id)                            \
    FIELD(u8, status) /* enum reply_status */ \
    FIELD(u64, claim_version)                 \
    FIELD(span, bytes) /* RESP, for the client, where the status is REPLY_OK */

/* A version for a replica to keep. */
#define WIRE_WRITE_FIELDS(FIELD)                                                    \
    FIELD(u64, id)                                                                  \
    FIELD(u64, claim_version)                                                       \
    FIELD(u16, partition)                                                           \
    FIELD(dot, over) /* what the coordinator stamped it over; none: over nothing */ \
    FIELD(span, key)                                                                \
    FIELD(version, version)

#define WIRE_ACK_FIELDS(FIELD)                                          \
    FIELD(u64, id)                                                      \
    FIELD(u8, status) /* enum ack_status */                             \
    FIELD(dot, known) /* of NEWER and FORGETFUL: what to stamp above */ \
    FIELD(u64, claim_version)

/* As many ACKs, each of ACK_OK and a WRITE: nearly all are that, and a turn has many. */
#define WIRE_ACKS_FIELDS(FIELD) FIELD(ids, ids)

/* What have you of this key? `have` and the digest name what the asker has. */
#define WIRE_READ_FIELDS(FIELD)                                                   \
    FIELD(u64, id)                                                                \
    FIELD(u64, claim_version)                                                     \
    FIELD(u16, partition)                                                         \
    FIELD(dot, have)                                                              \
    FIELD(u64, have_digest) /* version_digest; 0 where versions are dots alone */ \
    FIELD(span, key)

#define WIRE_ANSWER_FIELDS(FIELD)              \
    FIELD(u64, id)                             \
    FIELD(u8, status) /* enum answer_status */ \
    FIELD(u64, claim_version)                  \
    FIELD(version, version)

/* Answers READ where there is nothing: the absence is a vote, but not for every version (rules 10
 * and 11 of docs/ARCHITECTURE.md). */
#define WIRE_ABSENT_FIELDS(FIELD)                                                  \
    FIELD(u64, id)                                                                 \
    FIELD(dot, mark)    /* of what vanished here, or the dot of a flush */         \
    FIELD(u64, floor)   /* a stamp: marks at or below it may have been given up */ \
    FIELD(u64, settled) /* a stamp: what is at or below it vanishes without a trace */

/* Comes before an ANSWER or a CHUNK with a version that a batch wrote which is not settled: all of
 * that batch (rule 24). Nobody waits for an answer to it. */
#define WIRE_MATES_FIELDS(FIELD) \
    FIELD(u64, claim_version)    \
    FIELD(u16, partition)        \
    FIELD(version, version)

/* A version that another replica is owed: hold it and hand it on. Answered by ACK_HELD, and again,
 * on the same link, when the replica has answered for it: by ACK_OK, or by ACK_FULL where the hint
 * was dropped. */
#define WIRE_HOLD_FIELDS(FIELD)          \
    FIELD(u64, id)                       \
    FIELD(u64, claim_version)            \
    FIELD(u16, partition)                \
    FIELD(u16, target) /* who is owed */ \
    FIELD(span, key)                     \
    FIELD(version, version)

/* Hints for the receiver were dropped: in these partitions it is one who forgot. Answered by ACK.
 */
#define WIRE_FORGOT_FIELDS(FIELD) \
    FIELD(u64, id)                \
    FIELD(u64, ring_version)      \
    FIELD(span, partitions) /* a bitmap, as in FLUSH */

/* Asks for a part of a partition's contents. */
#define WIRE_PULL_FIELDS(FIELD)                                             \
    FIELD(u64, id)                                                          \
    FIELD(u64, claim_version)                                               \
    FIELD(u16, partition)                                                   \
    FIELD(u16, leaves) /* bits: of which leaves live versions are wanted */ \
    FIELD(u64, cursor) /* where to go on, 0 at the beginning */             \
    FIELD(u32, bytes)  /* about how much at once */

/* Entries back to back, as sync/ lays them out; tombstones and marks of all leaves among them. The
 * bounds are those at the moment of this part. */
#define WIRE_CHUNK_FIELDS(FIELD)                                              \
    FIELD(u64, id)                                                            \
    FIELD(u8, status) /* ANSWER_VERSION, ANSWER_NOT_VOTING (with all the same \
                         contents), ANSWER_STALE_CLAIM */                     \
    FIELD(u64, claim_version)                                                 \
    FIELD(u64, cursor) /* for the next PULL; 0: this was the last part */     \
    FIELD(u64, floor)                                                         \
    FIELD(u64, settled)                                                       \
    FIELD(dot, flushed)                                                       \
    FIELD(span, entries)

/* Asks what a partition's contents add up to. */
#define WIRE_COMPARE_FIELDS(FIELD) \
    FIELD(u64, id)                 \
    FIELD(u64, claim_version)      \
    FIELD(u16, partition)

#define WIRE_COMPARED_FIELDS(FIELD)                             \
    FIELD(u64, id)                                              \
    FIELD(u8, status) /* as of CHUNK */                         \
    FIELD(u64, claim_version)                                   \
    FIELD(u64, evicted) /* entries that it ever dropped here */ \
    FIELD(u64, floor)                                           \
    FIELD(u64, settled)                                         \
    FIELD(span, leaves) /* a u64 for each leaf, see store/store.h */

/* Versions that vanished where they were, and that the receiver missed: entries as of CHUNK, marks
 * only, of keys whose names nobody needs to know. Answered by ACK. */
#define WIRE_MARKS_FIELDS(FIELD) \
    FIELD(u64, id)               \
    FIELD(u64, claim_version)    \
    FIELD(u16, partition)        \
    FIELD(span, entries)

/* VERSION: what a replica holds for a key, for people. */
#define WIRE_INSPECT_FIELDS(FIELD) \
    FIELD(u64, id)                 \
    FIELD(u64, claim_version)      \
    FIELD(u16, partition)          \
    FIELD(span, key)

#define WIRE_INSPECTED_FIELDS(FIELD)                                       \
    FIELD(u64, id)                                                         \
    FIELD(u8, status) /* ANSWER_VERSION, ANSWER_NONE, ANSWER_STALE_CLAIM   \
                       */                                                  \
    FIELD(u8, votes)  /* 0, 1 */                                           \
    FIELD(u8, recovering)                                                  \
    FIELD(dot, mark)                                                       \
    FIELD(u64, floor)                                                      \
    FIELD(u64, settled)                                                    \
    FIELD(version, version) /* of siblings its bytes, else without them */ \
    FIELD(u32, size)        /* of the value, bytes */

/* All versions at or below the dot are dead in these partitions. Answered by ACK. */
#define WIRE_FLUSH_FIELDS(FIELD)                                                \
    FIELD(u64, id)                                                              \
    FIELD(u64, ring_version) /* of the whole ring: that of every claim in it */ \
    FIELD(dot, dot)                                                             \
    FIELD(span, partitions) /* a bitmap: bit p % 8 of byte p / 8 */             \
    FIELD(u8, late)         /* 1: it is known to be above all that it has to be above */

#define WIRE_COUNT_FIELDS(FIELD) \
    FIELD(u64, id)               \
    FIELD(span, partitions) /* a bitmap, as in FLUSH */

#define WIRE_COUNTED_FIELDS(FIELD) \
    FIELD(u64, id)                 \
    FIELD(u64, keys)               \
    FIELD(u64, expiring)

/* Asks what there is from a place on in the order of the ring (sync/page.h), in these partitions.
 * `ring_version` is as of FLUSH. */
#define WIRE_LIST_FIELDS(FIELD)                                       \
    FIELD(u64, id)                                                    \
    FIELD(u64, ring_version)                                          \
    FIELD(u64, place)                                                 \
    FIELD(u32, limit)       /* about how many entries to look at */   \
    FIELD(span, partitions) /* a bitmap, as in FLUSH */               \
    FIELD(u8, matched)      /* 1: only keys that match the pattern */ \
    FIELD(span, pattern)

#define WIRE_LISTED_FIELDS(FIELD)                                                     \
    FIELD(u64, id)                                                                    \
    FIELD(u8, status) /* ANSWER_VERSION, ANSWER_NOT_VOTING, ANSWER_STALE_CLAIM: from  \
                         `end` on where that is above the place that was asked for */ \
    FIELD(u64, end)   /* a place: what is below it is here */                         \
    FIELD(u32, seen)  /* entries that were looked at */                               \
    FIELD(span, entries)                                                              \
    FIELD(span, marks)

/* A message for those who subscribe at the receiver. It is sent once, and answered so that the
 * publisher learns how many they are. */
#define WIRE_PUBLISH_FIELDS(FIELD)                                                                \
    FIELD(u64, id)                                                                                \
    FIELD(u16, worker) /* of the sender, which numbers what it publishes: a message that comes */ \
    FIELD(u64, number) /* behind one with a higher number is dropped */                           \
    FIELD(u8, kind)    /* enum channel_kind (command/channels.h) */                               \
    FIELD(span, name)                                                                             \
    FIELD(span, message)

#define WIRE_PUBLISHED_FIELDS(FIELD) \
    FIELD(u64, id)                   \
    FIELD(u64, receivers)

/* PUBSUB: who subscribes to what? */
#define WIRE_SURVEY_FIELDS(FIELD)                                               \
    FIELD(u64, id)                                                              \
    FIELD(u8, kind)    /* enum channel_kind */                                  \
    FIELD(u8, listed)  /* 1: all names are asked for; 0: the ones in `names` */ \
    FIELD(u8, matched) /* 1: of all, only those that match the pattern */       \
    FIELD(span, pattern)                                                        \
    FIELD(args, names)

/* Entries back to back: subscribers u64, size u32, name. */
#define WIRE_SURVEYED_FIELDS(FIELD)        \
    FIELD(u64, id)                         \
    FIELD(u8, cut) /* 1: there are more */ \
    FIELD(span, entries)
/* About scripts; of the id 0 nobody waits for the answer. */
#define WIRE_SCRIPT_FIELDS(FIELD)                 \
    FIELD(u64, id)                                \
    FIELD(u8, what)    /* enum script_question */ \
    FIELD(span, bytes) /* a text, or the SHA-1 of one in hex */

#define WIRE_SCRIPTED_FIELDS(FIELD)                                     \
    FIELD(u64, id)                                                      \
    FIELD(u8, status)  /* 1: it is known; of a KILL enum script_kill */ \
    FIELD(span, bytes) /* the text that was asked for */

/* Node records, encoded by gossip/: a push that is answered by a pull. */
#define WIRE_EXCHANGE_FIELDS(FIELD) FIELD(span, records)

/* A whole ring, encoded by ring/. Of no bytes: the node that was asked has no ring. */
#define WIRE_RING_FIELDS(FIELD) FIELD(span, ring)

/* RING INIT: asks a node to take part in a ring that is being formed. */
#define WIRE_PREPARE_FIELDS(FIELD)                                      \
    FIELD(u64, id)                                                      \
    FIELD(id, ring)        /* the identity of the ring to be */         \
    FIELD(id, proposer)    /* the identity of the node that forms it */ \
    FIELD(u32, partitions) /* that it will have */

#define WIRE_PROMISE_FIELDS(FIELD)              \
    FIELD(u64, id)                              \
    FIELD(id, ring)                             \
    FIELD(u8, status) /* enum promise_status */ \
    FIELD(span, text) /* why not, for the operator */

/* The ring is decided: the nodes that promised adopt it. Answered by PROMISE. */
#define WIRE_COMMIT_FIELDS(FIELD) \
    FIELD(u64, id)                \
    FIELD(id, proposer)           \
    FIELD(span, ring)

/* The ring will not be: the promise that was given to this proposer is void. Answered by PROMISE.
 */
#define WIRE_WITHDRAW_FIELDS(FIELD) \
    FIELD(u64, id)                  \
    FIELD(id, ring)                 \
    FIELD(id, proposer)

/* Who are you? */
#define WIRE_INQUIRE_FIELDS(FIELD) FIELD(u64, id)

/* A node, as it would stand in a ring. */
#define WIRE_DESCRIPTION_FIELDS(FIELD)                \
    FIELD(u64, id)                                    \
    FIELD(id, node)                                   \
    FIELD(id, ring) /* all 0: it has none */          \
    FIELD(u32, weight)                                \
    FIELD(u16, client_port)                           \
    FIELD(span, host) /* as it wants to be reached */ \
    FIELD(span, zone)

/* Asks for the node's ring; answered by RING. */
#define WIRE_FETCH_FIELDS(FIELD) FIELD(u64, id)

#define WIRE_PING_FIELDS(FIELD) FIELD(u64, id)
#define WIRE_PONG_FIELDS(FIELD) FIELD(u64, id)

/* The sender has clients that track: from now on it is to be told of what changes at the receiver,
 * on the same link, or (0) no more. Answered by TRACKED; what changed before that is not told. */
#define WIRE_TRACK_FIELDS(FIELD) \
    FIELD(u64, id)               \
    FIELD(u8, on)

#define WIRE_TRACKED_FIELDS(FIELD) FIELD(u64, id)

/* What changed, as store/changes.h lays it out. */
#define WIRE_CHANGED_FIELDS(FIELD) FIELD(span, records)

#define WIRE_MESSAGES(ROW)                                     \
    ROW(16, FORWARD, forward, WIRE_FORWARD_FIELDS)             \
    ROW(17, REPLY, reply, WIRE_REPLY_FIELDS)                   \
    ROW(18, WRITE, write, WIRE_WRITE_FIELDS)                   \
    ROW(19, ACK, ack, WIRE_ACK_FIELDS)                         \
    ROW(20, READ, read, WIRE_READ_FIELDS)                      \
    ROW(21, ANSWER, answer, WIRE_ANSWER_FIELDS)                \
    ROW(22, FLUSH, flush, WIRE_FLUSH_FIELDS)                   \
    ROW(23, COUNT, count, WIRE_COUNT_FIELDS)                   \
    ROW(24, COUNTED, counted, WIRE_COUNTED_FIELDS)             \
    ROW(25, EXCHANGE, exchange, WIRE_EXCHANGE_FIELDS)          \
    ROW(26, RING, ring, WIRE_RING_FIELDS)                      \
    ROW(27, PREPARE, prepare, WIRE_PREPARE_FIELDS)             \
    ROW(28, PROMISE, promise, WIRE_PROMISE_FIELDS)             \
    ROW(29, COMMIT, commit, WIRE_COMMIT_FIELDS)                \
    ROW(30, PING, ping, WIRE_PING_FIELDS)                      \
    ROW(31, PONG, pong, WIRE_PONG_FIELDS)                      \
    ROW(32, WITHDRAW, withdraw, WIRE_WITHDRAW_FIELDS)          \
    ROW(33, INQUIRE, inquire, WIRE_INQUIRE_FIELDS)             \
    ROW(34, DESCRIPTION, description, WIRE_DESCRIPTION_FIELDS) \
    ROW(35, FETCH, fetch, WIRE_FETCH_FIELDS)                   \
    ROW(36, ABSENT, absent, WIRE_ABSENT_FIELDS)                \
    ROW(37, HOLD, hold, WIRE_HOLD_FIELDS)                      \
    ROW(38, FORGOT, forgot, WIRE_FORGOT_FIELDS)                \
    ROW(39, PULL, pull, WIRE_PULL_FIELDS)                      \
    ROW(40, CHUNK, chunk, WIRE_CHUNK_FIELDS)                   \
    ROW(41, COMPARE, compare, WIRE_COMPARE_FIELDS)             \
    ROW(42, COMPARED, compared, WIRE_COMPARED_FIELDS)          \
    ROW(43, INSPECT, inspect, WIRE_INSPECT_FIELDS)             \
    ROW(44, INSPECTED, inspected, WIRE_INSPECTED_FIELDS)       \
    ROW(45, MARKS, marks, WIRE_MARKS_FIELDS)                   \
    ROW(46, ACKS, acks, WIRE_ACKS_FIELDS)                      \
    ROW(47, LIST, list, WIRE_LIST_FIELDS)                      \
    ROW(48, LISTED, listed, WIRE_LISTED_FIELDS)                \
    ROW(49, MATES, mates, WIRE_MATES_FIELDS)                   \
    ROW(53, SCRIPT, script, WIRE_SCRIPT_FIELDS)                \
    ROW(54, SCRIPTED, scripted, WIRE_SCRIPTED_FIELDS)          \
    ROW(57, PUBLISH, publish, WIRE_PUBLISH_FIELDS)             \
    ROW(58, PUBLISHED, published, WIRE_PUBLISHED_FIELDS)       \
    ROW(59, SURVEY, survey, WIRE_SURVEY_FIELDS)                \
    ROW(60, SURVEYED, surveyed, WIRE_SURVEYED_FIELDS)          \
    ROW(61, TRACK, track, WIRE_TRACK_FIELDS)                   \
    ROW(62, TRACKED, tracked, WIRE_TRACKED_FIELDS)             \
    ROW(63, CHANGED, changed, WIRE_CHANGED_FIELDS)

#endif
