/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/admin_uri.h"

#include <inttypes.h>

#define SCHEME "redis://"

static bool refuse(const char *text, const char *why, struct buffer *error)
{
    buffer_append_string(error,
                         "expected redis://[[user:]password@]host[:port][/database], found '");
    admin_uri_hide(text, error);
    buffer_append_format(error, "': %s", why);
    return false;
}

static int hex_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Decodes %XX; false when it is none, gives NUL, or there is no room. */
static bool decode(struct span coded, char *text, size_t room)
{
    size_t size = 0;

    for (size_t i = 0; i < coded.size; i++) {
        int byte = coded.data[i];
        if (byte == '%') {
            if (coded.size - i < 3 || hex_of(coded.data[i + 1]) < 0 ||
                hex_of(coded.data[i + 2]) < 0)
                return false;
            byte = hex_of(coded.data[i + 1]) * 16 + hex_of(coded.data[i + 2]);
            i += 2;
        }
        if (byte == 0 || size + 1 >= room)
            return false;
        text[size++] = (char)byte;
    }
    text[size] = '\0';
    return true;
}

/* The place of the last `byte` in the text, or its size. */
static size_t find_last(struct span text, uint8_t byte)
{
    for (size_t i = text.size; i > 0; i--)
        if (text.data[i - 1] == byte)
            return i - 1;
    return text.size;
}

static size_t find_first(struct span text, uint8_t byte)
{
    const uint8_t *found = text.size > 0 ? memchr(text.data, byte, text.size) : NULL;

    return found != NULL ? (size_t)(found - text.data) : text.size;
}

static struct span from(struct span text, size_t at)
{
    return span_of(text.data + at, text.size - at);
}

static bool read_login(struct span login, struct admin_uri *uri)
{
    const size_t colon = find_first(login, ':');

    if (colon == login.size)
        return decode(login, uri->password, sizeof uri->password);
    return decode(span_of(login.data, colon), uri->user, sizeof uri->user) &&
           decode(from(login, colon + 1), uri->password, sizeof uri->password);
}

static bool read_port(struct span text, struct admin_uri *uri)
{
    int64_t port;

    if (!span_to_int64(text, &port) || port < 1 || port > UINT16_MAX)
        return false;
    uri->port = (uint16_t)port;
    return true;
}

/* host, host:port, [host], [host]:port; NULL, or why not. */
static const char *read_address(struct span text, struct admin_uri *uri)
{
    const bool bracketed = text.size > 0 && text.data[0] == '[';
    const size_t end = bracketed ? find_first(text, ']') : find_first(text, ':');
    const struct span host = bracketed ? span_of(text.data + 1, end - 1) : span_of(text.data, end);
    const struct span rest = from(text, bracketed && end < text.size ? end + 1 : end);

    if (bracketed && end == text.size)
        return "the bracket is not closed";
    if (host.size == 0 || host.size >= sizeof uri->host || find_first(host, '\0') < host.size)
        return "there is no host";
    if (rest.size > 0 && (rest.data[0] != ':' || !read_port(from(rest, 1), uri)))
        return "the port is no number from 1 to 65535";
    memcpy(uri->host, host.data, host.size);
    return NULL;
}

bool admin_uri_parse(const char *text, struct admin_uri *uri, struct buffer *error)
{
    struct span rest = span_of_string(text);

    *uri = (struct admin_uri){.port = ADMIN_URI_PORT};
    if (strncmp(text, "rediss://", 9) == 0)
        return refuse(
            text, "there is no TLS; reach the server through a tunnel, as ssh -L makes one", error);
    if (strncmp(text, SCHEME, sizeof SCHEME - 1) != 0)
        return refuse(text, "it does not begin with redis://", error);
    rest = from(rest, sizeof SCHEME - 1);
    const size_t at = find_last(rest, '@');
    if (at < rest.size) {
        if (!read_login(span_of(rest.data, at), uri))
            return refuse(text, "user or password are wrong (%XX stands for a byte)", error);
        rest = from(rest, at + 1);
    }
    const size_t slash = find_first(rest, '/');
    if (slash + 1 < rest.size &&
        (!span_to_int64(from(rest, slash + 1), &uri->database) || uri->database < 0))
        return refuse(text, "the database is no number", error);
    const char *wrong = read_address(span_of(rest.data, slash), uri);
    return wrong == NULL || refuse(text, wrong, error);
}

void admin_uri_show(const struct admin_uri *uri, struct buffer *text)
{
    const bool bracketed = strchr(uri->host, ':') != NULL;

    buffer_append_format(text, bracketed ? "[%s]:%u" : "%s:%u", uri->host, uri->port);
    if (uri->database != 0)
        buffer_append_format(text, "/%" PRId64, uri->database);
}

void admin_uri_hide(const char *text, struct buffer *hidden)
{
    const char *begin = strstr(text, "://");
    const char *end = strrchr(text, '@');

    if (begin == NULL || end == NULL || end < begin) {
        buffer_append_string(hidden, text);
        return;
    }
    begin += 3;
    const char *colon = memchr(begin, ':', (size_t)(end - begin));
    if (colon != NULL)
        begin = colon + 1;
    buffer_append(hidden, text, (size_t)(begin - text));
    buffer_append_string(hidden, "***");
    buffer_append_string(hidden, end);
}
