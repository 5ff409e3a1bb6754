/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include "main/admin_source.h"

#include <stdio.h>

void admin_source_deinit(struct admin_source *source)
{
    admin_link_close(&source->link);
}

/* Closes the link for an answer that is none; always false. */
static bool give_up(struct admin_link *link, const char *what, const redisReply *reply)
{
    if (link->context == NULL)
        return false;
    snprintf(link->error, sizeof link->error, "%s:%u: %s: %.*s", link->uri.host, link->uri.port,
             what, 120,
             reply != NULL && reply->type == REDIS_REPLY_ERROR
                 ? reply->str
                 : "not the answer that was expected");
    admin_link_close(link);
    return false;
}

/* ------------------------------------------------------------------------------- what there is
 */

static redisReply *ask_server(struct admin_link *link)
{
    static const char *const question[] = {"INFO", "server"};
    redisReply *reply = admin_link_ask(link, question, 2);

    if (reply != NULL && reply->type == REDIS_REPLY_STRING)
        return reply;
    give_up(link, "INFO", reply);
    if (reply != NULL)
        freeReplyObject(reply);
    return NULL;
}

static bool add_address(struct admin_state *state, const struct admin_uri *uri)
{
    struct admin_uri plain = *uri;
    struct buffer text = {0};

    plain.database = 0;
    admin_uri_show(&plain, &text);
    const bool added = admin_state_add(state, buffer_content(&text)) != NULL;
    buffer_deinit(&text);
    return added;
}

static bool is_known(const struct admin_state *state, const struct admin_uri *uri)
{
    struct buffer text = {0};
    bool known = false;

    admin_uri_show(uri, &text);
    for (size_t i = 0; !known && i < state->master_count; i++)
        known = span_equal(buffer_content(&text), span_of_string(state->masters[i].address));
    buffer_deinit(&text);
    return known;
}

/* One line of CLUSTER SLOTS: (first, last, (address, port, ...), ...). */
static bool add_master(const struct admin_source *source, const redisReply *line,
                       struct admin_state *state)
{
    struct admin_uri uri = source->uri;

    if (line->type != REDIS_REPLY_ARRAY || line->elements < 3 ||
        line->element[2]->type != REDIS_REPLY_ARRAY || line->element[2]->elements < 2)
        return false;
    const redisReply *host = line->element[2]->element[0];
    const redisReply *port = line->element[2]->element[1];
    /* An address that the server does not know is the one that we know it by. */
    if (host->type == REDIS_REPLY_STRING && host->len > 0 && host->str[0] != '?' &&
        snprintf(uri.host, sizeof uri.host, "%s", host->str) >= (int)sizeof uri.host)
        return false;
    if (port->type != REDIS_REPLY_INTEGER || port->integer < 1 || port->integer > UINT16_MAX)
        return false;
    uri.port = (uint16_t)port->integer;
    return is_known(state, &uri) || add_address(state, &uri);
}

static bool find_masters(struct admin_source *source, struct admin_state *state)
{
    static const char *const question[] = {"CLUSTER", "SLOTS"};
    redisReply *reply = admin_link_ask(&source->link, question, 2);
    bool right = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0;

    for (size_t i = 0; right && i < reply->elements; i++)
        right = add_master(source, reply->element[i], state);
    if (!right)
        give_up(&source->link, "CLUSTER SLOTS", reply);
    if (reply != NULL)
        freeReplyObject(reply);
    return right;
}

enum admin_found admin_source_find(struct admin_source *source, struct admin_state *state)
{
    enum admin_found found = ADMIN_FOUND;
    redisReply *reply;

    source->link.uri = source->uri;
    if (!admin_link_open(&source->link) || (reply = ask_server(&source->link)) == NULL)
        return ADMIN_FOUND_NOT;
    const struct span text = admin_reply_text(reply);
    const struct span mode = admin_info_find(text, "redis_mode");
    /* A node of Dunlin answers for all. */
    const bool is_dunlin = admin_info_find(text, "dunlin_version").size > 0;
    if (span_is(mode, "sentinel")) {
        snprintf(source->link.error, sizeof source->link.error,
                 "%s:%u is a Sentinel, which has no keys; give the address of the Redis",
                 source->uri.host, source->uri.port);
        found = ADMIN_FOUND_BAD;
    } else if (span_is(mode, "cluster") && !is_dunlin) {
        found = find_masters(source, state) ? ADMIN_FOUND : ADMIN_FOUND_NOT;
    } else {
        add_address(state, &source->uri);
    }
    freeReplyObject(reply);
    admin_link_close(&source->link);
    return found;
}

/* ------------------------------------------------------------------------------- connecting
 */

static void note_server(struct admin_master *master, struct span text, bool *restarted)
{
    const struct span run_id = admin_info_find(text, "run_id");

    *restarted = false;
    if (run_id.size == 0 || run_id.size >= sizeof master->run_id ||
        span_equal(run_id, span_of_string(master->run_id)))
        return;
    if (master->run_id[0] != '\0') {
        *restarted = true;
        memcpy(master->cursor, "0", 2);
    }
    memcpy(master->run_id, run_id.data, run_id.size);
    master->run_id[run_id.size] = '\0';
}

/* Of what calls itself Redis the version says little. */
static bool find_dates(struct admin_source *source)
{
    static const char *const question[] = {"PEXPIRETIME", ""};
    redisReply *reply = admin_link_ask(&source->link, question, 2);

    source->has_dates = reply != NULL && reply->type == REDIS_REPLY_INTEGER;
    if (reply != NULL && admin_reply_passes(reply))
        give_up(&source->link, "PEXPIRETIME", reply);
    if (reply != NULL)
        freeReplyObject(reply);
    return source->link.context != NULL;
}

bool admin_source_open(struct admin_source *source, struct admin_master *master, bool *restarted)
{
    char text[ADMIN_ADDRESS_MAX + 16];
    struct buffer error = {0};
    struct admin_uri address;

    /* It was made from a URI, or read from a file that may have been changed. */
    snprintf(text, sizeof text, "redis://%s", master->address);
    if (!admin_uri_parse(text, &address, &error)) {
        snprintf(source->link.error, sizeof source->link.error, "%.*s", (int)buffer_size(&error),
                 (const char *)buffer_content(&error).data);
        buffer_deinit(&error);
        return false;
    }
    source->link.uri = source->uri;
    memcpy(source->link.uri.host, address.host, sizeof address.host);
    source->link.uri.port = address.port;
    redisReply *reply = admin_link_open(&source->link) ? ask_server(&source->link) : NULL;
    if (reply == NULL)
        return false;
    note_server(master, admin_reply_text(reply), restarted);
    freeReplyObject(reply);
    return find_dates(source);
}

int64_t admin_source_keys(struct admin_source *source)
{
    static const char *const question[] = {"DBSIZE"};
    redisReply *reply = admin_link_ask(&source->link, question, 1);
    int64_t keys = -1;

    if (reply != NULL && reply->type == REDIS_REPLY_INTEGER)
        keys = reply->integer;
    else
        give_up(&source->link, "DBSIZE", reply);
    if (reply != NULL)
        freeReplyObject(reply);
    return keys;
}

/* Milliseconds of an answer to TIME: (seconds, microseconds); -1: it is none. */
static int64_t time_of(const redisReply *reply)
{
    int64_t seconds, microseconds;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        !span_to_int64(admin_reply_text(reply->element[0]), &seconds) ||
        !span_to_int64(admin_reply_text(reply->element[1]), &microseconds))
        return -1;
    return seconds * 1000 + microseconds / 1000;
}

int64_t admin_link_time_ms(struct admin_link *link)
{
    static const char *const question[] = {"TIME"};
    redisReply *reply = admin_link_ask(link, question, 1);
    const int64_t ms = reply != NULL ? time_of(reply) : -1;

    if (reply != NULL)
        freeReplyObject(reply);
    return ms;
}

/* ---------------------------------------------------------------------------------- reading
 */

static bool is_page(const redisReply *reply)
{
    bool right = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                 reply->element[0]->type == REDIS_REPLY_STRING &&
                 reply->element[0]->len < ADMIN_CURSOR_MAX &&
                 reply->element[1]->type == REDIS_REPLY_ARRAY;

    for (size_t i = 0; right && i < reply->element[1]->elements; i++)
        right = reply->element[1]->element[i]->type == REDIS_REPLY_STRING;
    return right;
}

redisReply *admin_source_scan(struct admin_source *source, const char *cursor, const char *match,
                              size_t count)
{
    char number[32];
    const char *const words[] = {"SCAN", cursor, "COUNT", number, "MATCH", match};

    snprintf(number, sizeof number, "%zu", count);
    redisReply *reply = admin_link_ask(&source->link, words, match[0] != '\0' ? 6 : 4);
    if (reply != NULL && is_page(reply))
        return reply;
    give_up(&source->link, "SCAN", reply);
    if (reply != NULL)
        freeReplyObject(reply);
    return NULL;
}

static void note_type(struct admin_key *key, redisReply *type, const redisReply *size)
{
    key->type = type;
    key->size = size->type == REDIS_REPLY_INTEGER ? (uint64_t)size->integer : 0;
    if (type->type == REDIS_REPLY_ERROR) {
        key->fate = ADMIN_FATE_FAILED;
        snprintf(key->reason, sizeof key->reason, "%s", type->str);
    } else if (span_is(admin_reply_text(type), "none")) {
        key->fate = ADMIN_FATE_VANISHED;
    } else if (!span_is(admin_reply_text(type), "string")) {
        key->fate = ADMIN_FATE_OTHER;
    }
}

bool admin_source_types(struct admin_source *source, struct admin_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct span type[] = {SPAN("TYPE"), keys[i].name};
        const struct span size[] = {SPAN("STRLEN"), keys[i].name};
        admin_link_send(&source->link, type, 2);
        admin_link_send(&source->link, size, 2);
    }
    for (size_t i = 0; i < count; i++) {
        redisReply *type = admin_link_receive(&source->link);
        redisReply *size = admin_link_receive(&source->link);
        const bool right = type != NULL && size != NULL && !admin_reply_passes(type);
        if (right)
            note_type(&keys[i], type, size);
        else
            give_up(&source->link, "TYPE", type);
        if (size != NULL)
            freeReplyObject(size);
        if (!right && type != NULL)
            freeReplyObject(type);
        if (!right)
            return false;
    }
    return true;
}

/* MULTI, the date, the value, EXEC: what a write puts between the two would give a value the date
 * of another. Keys of a Redis Cluster make no larger transaction together. */
static size_t send_read(struct admin_source *source, const char *verb, struct span name)
{
    const struct span multi[] = {SPAN("MULTI")};
    const struct span date[] = {SPAN("PEXPIRETIME"), name};
    const struct span left[] = {SPAN("PTTL"), name};
    const struct span time[] = {SPAN("TIME")};
    const struct span value[] = {span_of_string(verb), name};
    const struct span exec[] = {SPAN("EXEC")};

    admin_link_send(&source->link, multi, 1);
    admin_link_send(&source->link, value, 2);
    admin_link_send(&source->link, source->has_dates ? date : left, 2);
    if (!source->has_dates)
        admin_link_send(&source->link, time, 1);
    admin_link_send(&source->link, exec, 1);
    return source->has_dates ? 4 : 5;
}

/* The date in the answer to EXEC: milliseconds since 1970, -1: none, -2: no such key, -3: no
 * answer. */
static int64_t date_of(const redisReply *exec)
{
    const redisReply *date = exec->element[1];

    if (date->type != REDIS_REPLY_INTEGER)
        return -3;
    if (date->integer < 0 || exec->elements == 2)
        return date->integer;
    const int64_t now_ms = time_of(exec->element[2]);
    return now_ms < 0 ? -3 : now_ms + date->integer;
}

static void note_failure(struct admin_key *key, const char *why)
{
    key->fate = ADMIN_FATE_FAILED;
    snprintf(key->reason, sizeof key->reason, "%s", why);
}

/* Takes the value out of the answer to EXEC. */
static void note_read(struct admin_key *key, redisReply *exec, size_t commands)
{
    if (exec->type != REDIS_REPLY_ARRAY || exec->elements != commands) {
        note_failure(key, exec->type == REDIS_REPLY_ERROR ? exec->str : "no answer to EXEC");
        return;
    }
    const redisReply *value = exec->element[0];
    const int64_t date_ms = date_of(exec);
    if (value->type == REDIS_REPLY_NIL || date_ms == -2) {
        key->fate = ADMIN_FATE_VANISHED;
    } else if (value->type == REDIS_REPLY_STRING && date_ms >= -1) {
        key->date_ms = date_ms;
        key->read = exec->element[0];
        exec->element[0] = NULL; /* ours now: hiredis skips what is NULL */
    } else {
        note_failure(key, value->type == REDIS_REPLY_ERROR ? value->str : "no answer to its date");
    }
}

/* The replies of one transaction, EXEC's last. */
static bool receive_read(struct admin_source *source, struct admin_key *key, size_t replies)
{
    char refused[sizeof key->reason] = "";
    bool passes = false;

    for (size_t i = 0; i < replies; i++) {
        redisReply *reply = admin_link_receive(&source->link);
        if (reply == NULL)
            return false;
        passes |= admin_reply_passes(reply);
        if (admin_reply_fails(reply, "") && refused[0] == '\0')
            snprintf(refused, sizeof refused, "%s", reply->str);
        if (i + 1 == replies && !passes && refused[0] != '\0')
            note_failure(key, refused);
        else if (i + 1 == replies && !passes)
            note_read(key, reply, replies - 2);
        else if (i + 1 == replies)
            give_up(&source->link, "reading", reply);
        freeReplyObject(reply);
    }
    return !passes;
}

bool admin_source_read(struct admin_source *source, const char *verb, struct admin_key *keys,
                       size_t count)
{
    size_t replies = 0;

    for (size_t i = 0; i < count; i++)
        if (keys[i].fate == ADMIN_FATE_OPEN)
            replies = send_read(source, verb, keys[i].name);
    for (size_t i = 0; i < count; i++)
        if (keys[i].fate == ADMIN_FATE_OPEN && !receive_read(source, &keys[i], replies))
            return false;
    return true;
}
