/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/admin_target.h"

#include <stdio.h>
#include <stdlib.h>

static bool copy(char *to, size_t room, const char *from)
{
    return from == NULL || snprintf(to, room, "%s", from) < (int)room;
}

bool admin_target_init(struct admin_target *target, const struct admin_options *options,
                       struct buffer *error)
{
    const char *password = options->password != NULL ? options->password
                                                     : getenv("DUNLIN_PASSWORD");

    *target = (struct admin_target){0};
    for (size_t i = 0; i < options->uris.count; i++)
        if (!admin_uri_parse(options->uris.items[i], &target->nodes[target->count++], error))
            return false;
    if (target->count == 0) {
        target->nodes[0].port = (uint16_t)options->port;
        if (!copy(target->nodes[0].host, sizeof target->nodes[0].host, options->host)) {
            buffer_append_string(error, "--host: too long");
            return false;
        }
        target->count = 1;
    }
    target->given = target->count;
    for (size_t i = 0; i < target->count; i++) {
        struct admin_uri *node = &target->nodes[i];
        if (node->database != 0) {
            buffer_append_string(error, "Dunlin has database 0 and no other");
            return false;
        }
        if (node->password[0] == '\0' && (!copy(node->password, sizeof node->password, password) ||
                                          !copy(node->user, sizeof node->user, options->user))) {
            buffer_append_string(error, "user or password are too long");
            return false;
        }
    }
    return true;
}

void admin_target_deinit(struct admin_target *target)
{
    admin_link_close(&target->link);
}

static void learn_node(struct admin_target *target, struct span host, struct span port)
{
    struct admin_uri node = target->nodes[target->current];
    int64_t number;

    if (target->count == ADMIN_TARGETS_MAX || host.size == 0 || host.size >= sizeof node.host ||
        !span_to_int64(port, &number) || number < 1 || number > UINT16_MAX)
        return;
    memcpy(node.host, host.data, host.size);
    node.host[host.size] = '\0';
    node.port = (uint16_t)number;
    for (size_t i = 0; i < target->count; i++)
        if (strcmp(target->nodes[i].host, node.host) == 0 && target->nodes[i].port == node.port)
            return;
    target->nodes[target->count++] = node;
}

/* Reads lines of "id host:port@bus[,name] ...". */
static void learn_nodes(struct admin_target *target, const char *line)
{
    while (line != NULL && *line != '\0') {
        const char *address = strchr(line, ' ');
        const char *end = address != NULL ? strpbrk(address + 1, "@ \n") : NULL;
        const char *colon = NULL;
        for (const char *at = address; end != NULL && at < end; at++)
            if (*at == ':')
                colon = at;
        if (colon != NULL)
            learn_node(target, span_of(address + 1, (size_t)(colon - address - 1)),
                       span_of(colon + 1, (size_t)(end - colon - 1)));
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
}

/* Over a connection of its own: one that has asked this is answered for one node alone. */
static void learn(struct admin_target *target)
{
    static const char *const question[] = {"CLUSTER", "NODES"};
    struct admin_link link = {.uri = target->nodes[target->current]};
    redisReply *reply = admin_link_open(&link) ? admin_link_ask(&link, question, 2) : NULL;

    if (reply != NULL && reply->type == REDIS_REPLY_STRING)
        learn_nodes(target, reply->str);
    if (reply != NULL)
        freeReplyObject(reply);
    admin_link_close(&link);
}

bool admin_target_open(struct admin_target *target)
{
    if (target->link.context != NULL)
        return true;
    const size_t known = target->count;
    for (size_t i = 0; i < known; i++) {
        const size_t node = (target->current + i) % known;
        target->link.uri = target->nodes[node];
        if (admin_link_open(&target->link)) {
            target->current = node;
            if (known == target->given)
                learn(target);
            return true;
        }
    }
    return false;
}

bool admin_target_ring(struct admin_target *target, char *ring, size_t room)
{
    static const char *const question[] = {"RING", "STATUS"};
    struct admin_link *link = &target->link;
    redisReply *reply = admin_link_ask(link, question, 2);

    if (reply == NULL)
        return false;
    const struct span label = admin_info_find(admin_reply_text(reply), "ring");
    const bool found = !admin_reply_fails(reply, "") && label.size > 0;
    if (found) {
        snprintf(ring, room, "%.*s", (int)label.size, (const char *)label.data);
        ring[strcspn(ring, " ")] = '\0'; /* what is said of it stands behind */
    } else {
        snprintf(link->error, sizeof link->error, "%s:%u is no node of Dunlin: %s", link->uri.host,
                 link->uri.port, reply->str != NULL ? reply->str : "RING STATUS has no text");
        link->refused = true;
        admin_link_close(link);
    }
    freeReplyObject(reply);
    return found;
}

void admin_target_leave(struct admin_target *target)
{
    admin_link_close(&target->link);
    target->current = (target->current + 1) % target->count;
}
