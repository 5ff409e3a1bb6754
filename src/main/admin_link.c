/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/admin_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/time.h>

/* Words of a command at most. */
#define WORDS_MAX 16

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

void admin_link_close(struct admin_link *link)
{
    if (link->context != NULL)
        redisFree(link->context);
    link->context = NULL;
}

static bool break_off(struct admin_link *link, const char *why)
{
    struct buffer text = {0};

    admin_uri_show(&link->uri, &text);
    snprintf(link->error, sizeof link->error, "%.*s: %s", (int)buffer_size(&text),
             (const char *)buffer_content(&text).data, why);
    buffer_deinit(&text);
    admin_link_close(link);
    return false;
}

/* What hiredis calls a time-out is EAGAIN's text. */
static const char *reason_of(const redisContext *context)
{
    if (context->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK))
        return "no answer in time";
    return context->err == REDIS_ERR_EOF ? "it closed the connection" : context->errstr;
}

/* Asks for what must be answered by anything but an error. */
static bool ask_plainly(struct admin_link *link, const char *const *words, size_t count)
{
    redisReply *reply = admin_link_ask(link, words, count);
    char why[200];

    if (reply == NULL)
        return false;
    const bool right = !admin_reply_fails(reply, "");
    link->refused = !right && !admin_reply_passes(reply);
    if (!right)
        snprintf(why, sizeof why, "%s: %.*s", words[0], 150, reply->str);
    freeReplyObject(reply);
    return right || break_off(link, why);
}

static bool log_in(struct admin_link *link)
{
    const struct admin_uri *uri = &link->uri;
    const char *const with_user[] = {"AUTH", uri->user, uri->password};
    const char *const without[] = {"AUTH", uri->password};

    if (uri->password[0] == '\0' && uri->user[0] == '\0')
        return true;
    return uri->user[0] != '\0' ? ask_plainly(link, with_user, 3) : ask_plainly(link, without, 2);
}

static bool select_database(struct admin_link *link)
{
    char number[32];
    const char *const words[] = {"SELECT", number};

    snprintf(number, sizeof number, "%" PRId64, link->uri.database);
    return link->uri.database == 0 || ask_plainly(link, words, 2);
}

bool admin_link_open(struct admin_link *link)
{
    static const char *const ping[] = {"PING"};

    admin_link_close(link);
    link->refused = false;
    link->context = redisConnectWithTimeout(link->uri.host, link->uri.port,
                                            timeval_of(ADMIN_CONNECT_TIMEOUT_MS));
    if (link->context == NULL)
        return break_off(link, "no memory");
    if (link->context->err != 0) {
        char why[160];
        snprintf(why, sizeof why, "%s", link->context->errstr);
        return break_off(link, why);
    }
    redisSetTimeout(link->context, timeval_of(ADMIN_ANSWER_TIMEOUT_MS));
    redisEnableKeepAlive(link->context);
    return log_in(link) && select_database(link) && ask_plainly(link, ping, 1);
}

void admin_link_send(struct admin_link *link, const struct span *words, size_t count)
{
    const char *texts[WORDS_MAX];
    size_t sizes[WORDS_MAX];

    ensure(count <= WORDS_MAX);
    if (link->context == NULL)
        return;
    for (size_t i = 0; i < count; i++) {
        texts[i] = words[i].size > 0 ? (const char *)words[i].data : "";
        sizes[i] = words[i].size;
    }
    if (redisAppendCommandArgv(link->context, (int)count, texts, sizes) != REDIS_OK)
        break_off(link, reason_of(link->context));
}

redisReply *admin_link_receive(struct admin_link *link)
{
    void *reply = NULL;

    if (link->context == NULL)
        return NULL;
    if (redisGetReply(link->context, &reply) == REDIS_OK)
        return reply;
    char why[160];
    snprintf(why, sizeof why, "%s", reason_of(link->context));
    break_off(link, why);
    return NULL;
}

redisReply *admin_link_ask(struct admin_link *link, const char *const *words, size_t count)
{
    struct span spans[WORDS_MAX];

    ensure(count <= WORDS_MAX);
    for (size_t i = 0; i < count; i++)
        spans[i] = span_of_string(words[i]);
    admin_link_send(link, spans, count);
    return admin_link_receive(link);
}

bool admin_reply_fails(const redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, code, strlen(code)) == 0;
}

bool admin_reply_passes(const redisReply *reply)
{
    static const char *const codes[] = {"BUSY ",   "CLUSTERDOWN", "LOADING", "MASTERDOWN",
                                        "MISCONF", "NOQUORUM",    "OOM ",    "TRYAGAIN"};

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (admin_reply_fails(reply, codes[i]))
            return true;
    return false;
}

struct span admin_info_find(struct span text, const char *name)
{
    const size_t name_size = strlen(name);

    for (size_t at = 0; at < text.size;) {
        const uint8_t *line = text.data + at;
        const uint8_t *end = memchr(line, '\n', text.size - at);
        const size_t size = end != NULL ? (size_t)(end - line) : text.size - at;
        at += size + 1;
        if (size > name_size && memcmp(line, name, name_size) == 0 && line[name_size] == ':') {
            size_t from = name_size + 1, to = size;
            while (from < to && line[from] == ' ')
                from++;
            while (to > from && line[to - 1] == '\r')
                to--;
            return span_of(line + from, to - from);
        }
    }
    return span_of(NULL, 0);
}
