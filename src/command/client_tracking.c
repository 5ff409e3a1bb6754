/* SPDX-License-Identifier: BSD-3-Clause
 *
 * CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO: which keys this connection wants to be told of,
 * and where. The checks come in Redis' order, since several may fail at once.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "command/arguments.h"
#include "command/directory.h"
#include "command/environment.h"
#include "command/handlers.h"
#include "command/tracking.h"
#include "resp/reply.h"

static struct session *session_of(const struct call *call)
{
    ensure(call->session != NULL); /* LOCAL commands are not forwarded */
    return call->session;
}

static unsigned flags_of(const struct call *call)
{
    const struct tracker *tracker = session_of(call)->tracker;

    return tracker != NULL ? tracker->flags : 0;
}

/* ---- CLIENT TRACKING ---- */

static bool read_redirect(struct call *call, struct span text, struct tracking_wish *wish)
{
    int64_t id;

    if (wish->redirect != 0) {
        reply_error(call->reply, "ERR A client can only redirect to a single other client");
        return false;
    }
    if (!argument_integer(call, text, &id))
        return false;
    wish->redirect = (uint64_t)id;
    if (directory_find(call->environment->directory, wish->redirect, &wish->redirect_worker))
        return true;
    reply_error(call->reply, "ERR The client ID you want redirect to does not exist");
    return false;
}

/* The options, in any order. `prefixes` has room for all arguments. */
static bool read_options(struct call *call, struct tracking_wish *wish, struct span *prefixes)
{
    for (size_t i = 3; i < call->argc; i++) {
        const struct span option = call->argv[i];
        const bool more = i + 1 < call->argc;

        if (span_is(option, "redirect") && more) {
            if (!read_redirect(call, call->argv[++i], wish))
                return false;
        } else if (span_is(option, "bcast")) {
            wish->flags |= TRACKING_BROADCAST;
        } else if (span_is(option, "optin")) {
            wish->flags |= TRACKING_OPT_IN;
        } else if (span_is(option, "optout")) {
            wish->flags |= TRACKING_OPT_OUT;
        } else if (span_is(option, "noloop")) {
            wish->flags |= TRACKING_NO_LOOP;
        } else if (span_is(option, "prefix") && more) {
            prefixes[wish->prefix_count++] = call->argv[++i];
        } else {
            return argument_syntax_error(call);
        }
    }
    return true;
}

static bool overlap(struct span a, struct span b)
{
    return prefix_begins(a, b) || prefix_begins(b, a);
}

static bool reject_overlap(struct call *call, struct span a, const char *what, struct span b)
{
    reply_error_format(call->reply,
                       "ERR Prefix '%.*s' overlaps with %s prefix '%.*s'. Prefixes for a single "
                       "client must not overlap.",
                       a.size < 256 ? (int)a.size : 256, (const char *)a.data, what,
                       b.size < 256 ? (int)b.size : 256, (const char *)b.data);
    return false;
}

static bool check_prefixes(struct call *call, const struct tracking_wish *wish)
{
    const struct tracker *tracker = session_of(call)->tracker;
    const size_t had = tracker != NULL ? tracker->prefix_count : 0;

    for (size_t i = 0; i < wish->prefix_count; i++) {
        const struct span prefix = wish->prefixes[i];
        for (size_t j = 0; j < had; j++)
            if (overlap(prefix, tracker->prefixes[j]))
                return reject_overlap(call, prefix, "an existing", tracker->prefixes[j]);
        for (size_t j = i + 1; j < wish->prefix_count; j++)
            if (overlap(prefix, wish->prefixes[j]))
                return reject_overlap(call, prefix, "another provided", wish->prefixes[j]);
    }
    return true;
}

static bool reject(struct call *call, const char *error)
{
    reply_error(call->reply, error);
    return false;
}

#define OTHER_MODE                                                                               \
    " mode before disabling tracking for this client, and then re-enabling it with a different " \
    "mode."

/* Whether the flags go together, and with how the client tracks by now. */
static bool check_flags(struct call *call, const struct tracking_wish *wish)
{
    const unsigned both = TRACKING_OPT_IN | TRACKING_OPT_OUT;
    const unsigned now = flags_of(call), flags = wish->flags;
    const bool broadcast = (flags & TRACKING_BROADCAST) != 0;

    if (!broadcast && wish->prefix_count > 0)
        return reject(call, "ERR PREFIX option requires BCAST mode to be enabled");
    if (session_of(call)->tracker != NULL && broadcast != ((now & TRACKING_BROADCAST) != 0))
        return reject(call, "ERR You can't switch BCAST mode on/off before disabling tracking for "
                            "this client, and then re-enabling it with a different mode.");
    if (broadcast && (flags & both) != 0)
        return reject(call, "ERR OPTIN and OPTOUT are not compatible with BCAST");
    if ((flags & both) == both)
        return reject(call, "ERR You can't specify both OPTIN mode and OPTOUT mode");
    if (((flags & TRACKING_OPT_IN) != 0 && (now & TRACKING_OPT_OUT) != 0) ||
        ((flags & TRACKING_OPT_OUT) != 0 && (now & TRACKING_OPT_IN) != 0))
        return reject(call, "ERR You can't switch OPTIN/OPTOUT" OTHER_MODE);
    if (wish->prefix_count > TRACKING_PREFIXES_MAX)
        return reject(call, "ERR too many prefixes");
    return !broadcast || check_prefixes(call, wish);
}

static void enable(struct call *call, const struct tracking_wish *wish)
{
    struct directory *directory = call->environment->directory;
    const bool first = atomic_load(&directory_trackers(directory)->clients) == 0;

    if (!tracking_enable(call->environment->tracking, session_of(call), wish)) {
        reply_error(call->reply, "ERR too many prefixes");
        return;
    }
    if (wish->redirect != 0)
        directory_redirected(directory, session_of(call));
    if (first) /* the one that asks other nodes for changes */
        directory_wake(directory, 0);
    reply_ok(call->reply);
}

/* CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP] */
void client_tracking(struct call *call)
{
    struct span *prefixes = memory_alloc_array(call->argc, sizeof prefixes[0]);
    struct tracking_wish wish = {.prefixes = prefixes};

    if (!read_options(call, &wish, prefixes)) {
        memory_free(prefixes);
        return;
    }
    if (span_is(call->argv[2], "on")) {
        if (check_flags(call, &wish))
            enable(call, &wish);
    } else if (span_is(call->argv[2], "off")) {
        tracking_disable(session_of(call));
        reply_ok(call->reply);
    } else {
        argument_syntax_error(call);
    }
    memory_free(prefixes);
}

/* ---- the others ---- */

/* CLIENT CACHING YES|NO */
void client_caching(struct call *call)
{
    struct tracker *tracker = session_of(call)->tracker;
    const bool yes = span_is(call->argv[2], "yes");

    if (tracker == NULL) {
        reply_error(call->reply, "ERR CLIENT CACHING can be called only when the client is in "
                                 "tracking mode with OPTIN or OPTOUT mode enabled");
        return;
    }
    if (!yes && !span_is(call->argv[2], "no")) {
        argument_syntax_error(call);
        return;
    }
    if ((tracker->flags & (yes ? TRACKING_OPT_IN : TRACKING_OPT_OUT)) == 0) {
        reply_error(call->reply, yes ? "ERR CLIENT CACHING YES is only valid when tracking is "
                                       "enabled in OPTIN mode."
                                     : "ERR CLIENT CACHING NO is only valid when tracking is "
                                       "enabled in OPTOUT mode.");
        return;
    }
    tracker->flags |= TRACKING_CACHING;
    reply_ok(call->reply);
}

static int64_t redirect_of(const struct call *call)
{
    const struct tracker *tracker = session_of(call)->tracker;

    return tracker != NULL ? (int64_t)tracker->redirect : -1;
}

void client_getredir(struct call *call)
{
    reply_integer(call->reply, redirect_of(call));
}

static void reply_flags(struct call *call)
{
    static const struct {
        unsigned flag;
        const char *name;
    } names[] = {{TRACKING_BROADCAST, "bcast"},
                 {TRACKING_OPT_IN, "optin"},
                 {TRACKING_OPT_IN | TRACKING_CACHING, "caching-yes"},
                 {TRACKING_OPT_OUT, "optout"},
                 {TRACKING_OPT_OUT | TRACKING_CACHING, "caching-no"},
                 {TRACKING_NO_LOOP, "noloop"},
                 {TRACKING_BROKEN, "broken_redirect"}};
    const size_t count = sizeof names / sizeof names[0];
    const unsigned flags = flags_of(call);
    size_t shown = 1;

    for (size_t i = 0; i < count; i++)
        shown += (flags & names[i].flag) == names[i].flag;
    reply_set(call->reply, shown, call->protocol);
    reply_bulk_string(call->reply, session_of(call)->tracker != NULL ? "on" : "off");
    for (size_t i = 0; i < count; i++)
        if ((flags & names[i].flag) == names[i].flag)
            reply_bulk_string(call->reply, names[i].name);
}

void client_trackinginfo(struct call *call)
{
    const struct tracker *tracker = session_of(call)->tracker;
    const size_t prefixes = tracker != NULL ? tracker->prefix_count : 0;

    reply_map(call->reply, 3, call->protocol);
    reply_bulk_string(call->reply, "flags");
    reply_flags(call);
    reply_bulk_string(call->reply, "redirect");
    reply_integer(call->reply, redirect_of(call));
    reply_bulk_string(call->reply, "prefixes");
    reply_array(call->reply, prefixes);
    for (size_t i = 0; i < prefixes; i++)
        reply_bulk(call->reply, tracker->prefixes[i]);
}
