/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The host of a node's control: it runs in the control thread, between UDP, calls to other nodes,
 * the disk, and the workers, whose questions come as errands and whose answers go back as errands.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

#include "base/memory.h"
#include "io/listener.h"
#include "io/node_parts.h"

/* ---- from the workers ---- */

enum question_kind { QUESTION_COMMAND, QUESTION_MESSAGE, QUESTION_OPTIONS };

struct question {
    struct errand errand;
    struct node *node;
    enum question_kind kind;
    struct control_asker asker;
    struct buffer bytes; /* the message, or the arguments back to back */
    size_t *sizes;       /* of the arguments */
    size_t count;
    const struct options *options;
};

static void drop_question(struct errand *errand)
{
    struct question *question = list_entry(errand, struct question, errand);

    buffer_deinit(&question->bytes);
    memory_free(question->sizes);
    if (question->options != NULL)
        options_release(&question->options);
    memory_free(question);
}

static void ask_command(struct question *question, struct instant now)
{
    struct span *argv = memory_alloc_array(question->count, sizeof argv[0]);
    const uint8_t *at = buffer_content(&question->bytes).data;

    for (size_t i = 0; i < question->count; i++) {
        argv[i] = span_of(at, question->sizes[i]);
        at += question->sizes[i];
    }
    control_command(question->node->control, now, &question->asker, argv, question->count);
    memory_free(argv);
}

static void run_question(struct errand *errand)
{
    struct question *question = list_entry(errand, struct question, errand);
    struct node *node = question->node;
    const struct instant now = loop_now(node->loop);

    switch (question->kind) {
    case QUESTION_COMMAND:
        ask_command(question, now);
        break;
    case QUESTION_MESSAGE:
        control_message(node->control, now, &question->asker, buffer_content(&question->bytes));
        break;
    case QUESTION_OPTIONS:
        gossip_udp_set_local_only(node->udp, !options_open_to_peers(question->options));
        control_set_options(node->control, now, question->options);
        break;
    }
    drop_question(errand);
}

static struct question *create_question(struct node *node, enum question_kind kind,
                                        struct worker *worker, uint64_t id)
{
    struct question *question = memory_alloc(sizeof *question);

    question->errand.run = run_question;
    question->errand.drop = drop_question;
    question->node = node;
    question->kind = kind;
    question->asker = (struct control_asker){.worker = worker, .id = id};
    return question;
}

static void on_command(void *context, struct worker *worker, uint64_t request,
                       const struct span *argv, size_t argc)
{
    struct node *node = context;
    struct question *question = create_question(node, QUESTION_COMMAND, worker, request);

    question->count = argc;
    question->sizes = memory_alloc_array(argc, sizeof question->sizes[0]);
    for (size_t i = 0; i < argc; i++) {
        question->sizes[i] = argv[i].size;
        buffer_append_span(&question->bytes, argv[i]);
    }
    loop_post(node->loop, &question->errand);
}

static void on_message(void *context, struct worker *worker, uint64_t link, struct span message)
{
    struct node *node = context;
    struct question *question = create_question(node, QUESTION_MESSAGE, worker, link);

    buffer_append_span(&question->bytes, message);
    loop_post(node->loop, &question->errand);
}

const struct worker_calls node_control_worker_calls = {
    .control_command = on_command,
    .control_message = on_message,
};

void node_control_post_options(struct node *node)
{
    struct question *question = create_question(node, QUESTION_OPTIONS, NULL, 0);

    question->options = options_retain(node->options);
    for (size_t i = 0; i < node->worker_count; i++)
        worker_post_options(node->workers[i].worker, node->options);
    loop_post(node->loop, &question->errand);
}

/* ---- what control wants ---- */

static void on_send(void *host, const struct node_address *to, struct span datagram)
{
    struct node *node = host;

    gossip_udp_send(node->udp, to, datagram);
}

static void on_call(void *host, uint64_t call, const struct node_address *to, struct span messages)
{
    struct node *node = host;

    caller_call(node->caller, call, to, messages, CONTROL_CALL_TIMEOUT_MS);
}

static void on_answer(void *host, const struct control_asker *asker, struct span message)
{
    (void)host;
    worker_post_link_answer(asker->worker, asker->id, message);
}

static void on_reply(void *host, const struct control_asker *asker, struct span reply)
{
    (void)host;
    worker_post_control_answer(asker->worker, asker->id, reply);
}

static void on_publish(void *host, struct view *view)
{
    struct node *node = host;
    struct view *before = node->view;

    node->view = view_retain(view);
    view_release(&before);
    for (size_t i = 0; i < node->worker_count; i++)
        worker_post_view(node->workers[i].worker, view);
}

static bool on_persist_ring(void *host, struct span ring)
{
    return node_disk_keep_ring(host, ring);
}

static bool on_persist_ceiling(void *host, uint64_t ceiling)
{
    return node_disk_keep_ceiling(host, ceiling);
}

static void on_wake_at(void *host, int64_t mono_us)
{
    struct node *node = host;

    loop_wake_at(node->loop, mono_us);
}

static void on_fatal(void *host, const char *text)
{
    struct node *node = host;

    log_write(node->log, LOG_WARNING, "%s", text);
    node->failed = true;
    loop_stop(node->loop);
}

static const struct control_calls control_calls = {
    .send = on_send,
    .call = on_call,
    .answer = on_answer,
    .reply = on_reply,
    .publish = on_publish,
    .persist_ring = on_persist_ring,
    .persist_ceiling = on_persist_ceiling,
    .wake_at = on_wake_at,
    .fatal = on_fatal,
};

/* ---- from the network ---- */

static void on_datagram(void *context, const struct node_address *from, struct span datagram)
{
    struct node *node = context;

    control_datagram(node->control, loop_now(node->loop), from, datagram);
}

static struct handshake_self on_self(void *host)
{
    const struct node *node = host;

    return control_self(node->control);
}

static void on_call_answer(void *host, uint64_t call, struct span answer, const char *error)
{
    struct node *node = host;

    control_call_answer(node->control, loop_now(node->loop), call, answer, error);
}

static const struct caller_calls caller_calls = {.self = on_self, .answer = on_call_answer};

/* ---- life ---- */

static bool is_any(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return ((const struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY);
    return IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

static void write_host(const struct sockaddr_storage *address, char host[INET6_ADDRSTRLEN])
{
    const void *bytes = address->ss_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;

    inet_ntop(address->ss_family, bytes, host, INET6_ADDRSTRLEN);
}

/* The first address of this machine, of the family, that others can reach; the loopback when there
 * is none. One of IPv6 that needs the link's name to be reached does not count. */
static void first_address(sa_family_t family, char host[INET6_ADDRSTRLEN])
{
    struct ifaddrs *all = NULL;

    snprintf(host, INET6_ADDRSTRLEN, "%s", family == AF_INET ? "127.0.0.1" : "::1");
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
        const struct sockaddr_storage *address = (const void *)one->ifa_addr;
        if (address == NULL || address->ss_family != family ||
            (one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0 ||
            (family == AF_INET6 &&
             IN6_IS_ADDR_LINKLOCAL(&((const struct sockaddr_in6 *)address)->sin6_addr)))
            continue;
        write_host(address, host);
        break;
    }
    freeifaddrs(all);
}

/* How others reach this node: as it is told, or the first address that it listens on and that other
 * machines can reach, or one of this machine's where it listens on all, or the loopback. */
static const char *reachable_host(const struct node *node, char found[INET6_ADDRSTRLEN])
{
    const struct sockaddr_storage *best = &node->addresses[0].clients;

    if (node->options->cluster_announce_ip[0] != '\0')
        return node->options->cluster_announce_ip;
    for (size_t i = 0; i < node->address_count; i++) {
        const struct sockaddr_storage *address = &node->addresses[i].clients;
        if (!is_any(address) && !is_loopback(address)) {
            best = address;
            break;
        }
        if (is_any(address) && is_loopback(best))
            best = address;
    }
    if (is_any(best))
        first_address(best->ss_family, found);
    else
        write_host(best, found);
    return found;
}

static bool listen_udp(struct node *node, struct buffer *error)
{
    char text[128];

    node->udp = gossip_udp_create(node->loop, on_datagram, node);
    gossip_udp_set_local_only(node->udp, !options_open_to_peers(node->options));
    for (size_t i = 0; i < node->address_count; i++) {
        const struct worker_address *address = &node->addresses[i];
        if (gossip_udp_listen(node->udp, &address->peers, address->size))
            continue;
        const int reason = errno;
        listener_address_text(&address->peers, text, sizeof text);
        buffer_append_format(error, "cannot listen on %s (UDP): %s", text, strerror(reason));
        return false;
    }
    return true;
}

bool node_control_open(struct node *node, struct buffer *error)
{
    const struct options *options = node->options;
    const struct instant now = loop_now(node->loop);
    const uint64_t ceiling_ms = (uint64_t)hlc_ms(node->ceiling);
    char found[INET6_ADDRSTRLEN];

    const struct control_options wanted = {
        .identity = node->identity,
        .host = reachable_host(node, found),
        .client_port = (uint16_t)(options->cluster_announce_port > 0
                                      ? options->cluster_announce_port
                                      : options->port),
        .boot = (uint64_t)now.wall_ms > ceiling_ms ? (uint64_t)now.wall_ms : ceiling_ms + 1,
        .boot_nonce = node->boot_nonce,
        .seed = node->seed ^ UINT64_C(0x636f6e74726f6c),
        .ceiling = node->ceiling,
        .ring = node->ring,
        .options = options,
        .log = node->log,
        .store = node->store,
        .bounds = &node->bounds,
    };
    if (!listen_udp(node, error))
        return false;
    node->caller = caller_create(node->loop, &caller_calls, node, node->seed ^ 1);
    node->control = control_create(&wanted, &control_calls, node, now);
    control_wake(node->control, now);
    if (node->view != NULL && !node->failed)
        return true;
    buffer_append_string(error, "the node's control could not begin; see the log");
    return false;
}

void node_control_close(struct node *node)
{
    if (node->udp != NULL)
        gossip_udp_destroy(&node->udp);
    if (node->caller != NULL)
        caller_destroy(&node->caller);
    if (node->control != NULL)
        control_destroy(&node->control);
    view_release(&node->view);
}
