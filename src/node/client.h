/* SPDX-License-Identifier: BSD-3-Clause
 *
 * A client's connection (client.c): what it sends, and its replies in order.
 */
#ifndef DUNLIN_NODE_CLIENT_H
#define DUNLIN_NODE_CLIENT_H

#include "base/buffer.h"
#include "base/list.h"
#include "base/outbox.h"
#include "command/session.h"
#include "node/order.h"
#include "node/request.h"
#include "node/wait.h"
#include "resp/parser.h"
#include "store/store.h"

struct engine;

/* Requests of one client in flight at once; a deeper pipeline waits in its socket. */
#define CLIENT_IN_FLIGHT_MAX 1024
/* What they may hold together before no other is begun, bytes: arguments, answers, replies. */
#define CLIENT_BYTES_IN_FLIGHT_MAX (16u << 20)
/* What clients' commands may keep or put out in one turn, bytes; then the next turn begins. */
#define CLIENT_BYTES_A_TURN (1u << 20)
/* Commands that are read ahead of being run, so that the memory that they touch is on its way. */
#define BATCH_COMMANDS_MAX STORE_PREFETCH_MAX
/* Commands of clients that are run in one turn: well below a millisecond, also where each asks
 * other nodes; fewer where other nodes' answers came in it. What is left is the next turn's. */
#define CLIENT_COMMANDS_PER_TURN 512
/* A command of more arguments is not read ahead. */
#define BATCH_ARGUMENTS_MAX 8

/* A command as it was read, with what was found out about its first key. */
struct command_input {
    const struct span *argv;
    size_t argc;
    size_t taken;       /* of the parser, before it */
    uint32_t partition; /* of argv[1], if there is one and a ring */
    uint64_t hash;      /* store_hash of argv[1] */
    bool hashed;
    bool inlined; /* it cannot be taken back */
};

/* One batch is of as many clients as it has room for: where each sends one command at a time, their
 * keys are fetched together all the same. */
struct batch {
    size_t count;          /* of commands */
    size_t argument_count; /* of arguments */
    struct command_input commands[BATCH_COMMANDS_MAX];
    struct span arguments[BATCH_COMMANDS_MAX * BATCH_ARGUMENTS_MAX];
};

struct client {
    struct list link; /* engine->clients */
    struct engine *engine;
    void *connection; /* the host's */
    struct session session;
    struct parser parser;
    struct buffer in;
    struct outbox out;
    struct list pending; /* of struct request, in the order of their replies */
    struct list resumed; /* engine->resumed: its next commands may run */
    struct trail trail;
    size_t footprint;   /* bytes, see footprint.c */
    size_t weight;      /* of those in flight */
    struct order order; /* of those that had to wait */
    uint16_t in_flight;
    /* Of what was read of it into the engine's batch (clients_proceed). */
    uint8_t ahead; /* commands */
    uint8_t
        status;   /* enum parser_status, why there are no more; PARSER_COMMAND: there was no room */
    bool waits;   /* the next one of those read ahead has to wait */
    bool running; /* its commands run now: the host is told of output behind them */
    bool held;    /* not read: a command waits for those before it, for its turn, or to be read */
    bool stopped : 1; /* held until the output was taken */
    bool closing : 1; /* no command is read any more; closed once its replies are out */
    bool dropped : 1; /* closed already, without them */
    int64_t waits_us; /* since when its next command waits for links, 0: it does not */
};

_Static_assert(CLIENT_IN_FLIGHT_MAX <= UINT16_MAX, "16 bits count them");
_Static_assert(BATCH_COMMANDS_MAX <= UINT8_MAX, "8 bits count them");

/* Puts a request behind those whose replies come before its own. One that is first, and is answered
 * at once, is never put there. */
void client_append(struct client *client, struct request *request);
/* The request waits: later ones may have to wait for it. */
void client_note_waiting(struct request *request);
/* Answers a command that no request was found for; none is pending. */
void client_refuse(struct client *client, const char *error);
/* Counts what a request of the client holds by now. */
void client_weigh(struct request *request);
/* Gives it bytes that are no reply; client_tell not where CLIENT REPLY keeps back its replies. */
void client_push(struct client *client, struct span bytes);
/* The same, behind the replies of all that is in flight. */
void client_push_behind(struct client *client, const struct span *pieces, size_t count);
void client_tell(struct client *client, struct span bytes);
/* Closes it at once, for it does not keep up. */
void client_give_up(struct client *client);
/* Closes it if CLIENT KILL has marked it. */
void client_close_killed(struct client *client);
/* The request is done, was never put behind others, and none is before it. */
void client_answer(struct request *request);
/* The requests at the head that are done give their replies. */
void client_deliver(struct client *client);
/* Runs what engine->resumed have sent, as far as their earlier requests, and the engine's window,
 * allow. */
void clients_proceed(struct engine *engine);
/* When those that are left are to proceed, if no answer comes before: mono us; INT64_MAX: there are
 * none. */
int64_t clients_next(const struct engine *engine);

#endif
