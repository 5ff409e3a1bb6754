/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dunlin-admin status: RING STATUS of the node that is asked, as a table.
 */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "main/admin_import.h"
#include "main/admin_ring.h"

static enum admin_exit show(const struct admin_options *options, const redisReply *reply)
{
    const struct span status = admin_reply_text(reply);
    struct buffer text = {0};

    if (options->json)
        admin_ring_print_json(status, &text);
    else
        admin_ring_print(status, admin_colour_wanted(STDOUT_FILENO), &text);
    if (!admin_print(&text))
        return ADMIN_FAILED;
    return admin_ring_whole(status) ? ADMIN_DONE : ADMIN_INCOMPLETE;
}

enum admin_exit admin_status(const struct admin_options *options)
{
    static const char *const question[] = {"RING", "STATUS"};
    enum admin_exit code = ADMIN_FAILED;
    struct admin_target target;
    struct buffer error = {0};
    redisReply *reply = NULL;

    if (!admin_target_init(&target, options, &error)) {
        fprintf(stderr, "dunlin-admin: %.*s\n", (int)buffer_size(&error),
                (const char *)buffer_content(&error).data);
        buffer_deinit(&error);
        return ADMIN_USE;
    }
    if (admin_target_open(&target))
        reply = admin_link_ask(&target.link, question, 2);
    if (reply == NULL)
        fprintf(stderr, "dunlin-admin: %s\n", target.link.error);
    else if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        fprintf(stderr, "dunlin-admin: %s:%u is no node of Dunlin: %s\n", target.link.uri.host,
                target.link.uri.port, reply->str != NULL ? reply->str : "RING STATUS has no text");
    else
        code = show(options, reply);
    if (reply != NULL)
        freeReplyObject(reply);
    admin_target_deinit(&target);
    return code;
}
