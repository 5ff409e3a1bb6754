/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The messages of gossip. A body, of a datagram or of an exchange, is a msgpack array of messages;
 * each is a map with integer keys:
 *
 *      0 kind     1 number   2 target   3 host   4 port   5 record   6 accusers   7 nonce
 *      8 stamp    9 joining
 *
 * Unknown kinds and keys are skipped, so that a later version may add some.
 *
 *      kind       keys            meaning
 *      ping       number          answer me
 *      ack        number          the answer, also when a relay got it
 *      nack       number          I, a relay, live, but the target has not answered me yet
 *      relay      number target   ping the target for me (SWIM's ping-req)
 *                 host port
 *      record     record          a node, and who suspects it
 *                 accusers
 *      challenge  nonce stamp     prove that you live now: send this back
 *      proof      nonce stamp     the answer to a challenge
 *      exchange   number joining  opens an exchange and its answer; joining is 1 from a node that
 *                                 does not yet know whether its identity lives elsewhere
 */
#ifndef DUNLIN_GOSSIP_MESSAGE_H
#define DUNLIN_GOSSIP_MESSAGE_H

#include "gossip/record.h"

/* Those who suspect a node: the first, and as many more as can shorten the suspicion. */
#define ACCUSERS_MAX 4

enum message_kind {
    MESSAGE_PING = 1,
    MESSAGE_ACK = 2,
    MESSAGE_NACK = 3,
    MESSAGE_RELAY = 4,
    MESSAGE_RECORD = 5,
    MESSAGE_CHALLENGE = 6,
    MESSAGE_PROOF = 7,
    MESSAGE_EXCHANGE = 8,
};

struct accusers {
    size_t count;
    struct identity list[ACCUSERS_MAX];
};

struct message {
    enum message_kind kind;
    uint64_t number;
    struct identity target;
    struct node_address address;
    bool joining; /* exchange */
    struct node_record record;
    struct accusers accusers;
    uint64_t nonce;
    uint64_t stamp;
};

/* Builds a body at the tail of a buffer. */
struct message_writer {
    struct buffer *buffer;
    size_t start;    /* buffer size before the body */
    size_t size_max; /* bytes of the body at most */
    uint32_t count;
};

void message_writer_init(struct message_writer *writer, struct buffer *buffer, size_t size_max);
/* False, and nothing written, when it would pass size_max. */
bool message_write(struct message_writer *writer, const struct message *message);
/* Completes the body; no message may follow. */
void message_writer_finish(struct message_writer *writer);

/* Walks a body. */
struct message_reader {
    msgpack_unpacked unpacked;
    uint32_t next;
};

/* False when `body` is not a msgpack array of at most `items_max` values in all; the reader is then
 * not to be deinitialised. The reader copies what it needs. */
bool message_reader_init(struct message_reader *reader, struct span body, size_t items_max);
void message_reader_deinit(struct message_reader *reader);

enum message_status {
    MESSAGE_READ,
    MESSAGE_END,
    MESSAGE_BAD,
};

/* The next message of a kind that is known. After MESSAGE_BAD it may be called on. */
enum message_status message_read(struct message_reader *reader, struct message *message);

#endif
