/* SPDX-License-Identifier: BSD-3-Clause
 *
 * dunlin-server [file] [--directive value ...]
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "io/file.h"
#include "io/log_sink.h"
#include "io/node.h"

/* Exit codes: 0 ended in order, 1 could not start or go on, 2 wrong use. */
enum { EXIT_USE = 2 };

#define CONFIG_FILE_MAX (1u << 20)

static bool read_config(void *context, const char *path, struct buffer *text, struct buffer *error)
{
    (void)context;
    const enum file_status status = file_read(path, CONFIG_FILE_MAX, text, error);

    if (status == FILE_ABSENT)
        buffer_append_format(error, "cannot read '%s': no such file", path);
    return status == FILE_OK;
}

static void print(FILE *stream, const struct buffer *text)
{
    const struct span content = buffer_content(text);

    fwrite(content.data, 1, content.size, stream);
}

static int print_help(void)
{
    struct buffer text = {0};

    printf(
        "Usage: dunlin-server [file] [--directive value ...]\n"
        "       dunlin-server --help | --version\n\n"
        "Dunlin is a leaderless distributed cache that speaks Redis' protocol. Without a file it\n"
        "is a ring of one on 127.0.0.1:6379. The directives, which may stand in the file as well\n"
        "(dunlin.conf(5)):\n\n");
    options_print_help(&text);
    print(stdout, &text);
    buffer_deinit(&text);
    return EXIT_SUCCESS;
}

/* Reports what was wrong and frees it. */
static int complain(struct buffer *error, int code)
{
    fputs("dunlin-server: ", stderr);
    print(stderr, error);
    fputc('\n', stderr);
    buffer_deinit(error);
    return code;
}

static bool write_pidfile(const char *path)
{
    FILE *file;

    if (path[0] == '\0')
        return true;
    file = fopen(path, "w");
    if (file == NULL)
        return false;
    const bool written = fprintf(file, "%ld\n", (long)getpid()) > 0;
    return fclose(file) == 0 && written;
}

static int serve(const struct options *options, const char *config_file, const char *executable)
{
    struct buffer error = {0};
    struct log_sink sink;
    struct log log;

    if (!log_sink_open(&sink, options->logfile, &error))
        return complain(&error, EXIT_FAILURE);
    log_init(&log, (enum log_level)options->loglevel, log_sink_write, &sink);
    const struct node_options wanted = {
        .options = options, .log = &log, .config_file = config_file, .executable = executable};
    struct node *node = node_create(&wanted, &error);
    if (node == NULL) {
        /* In the background nobody reads standard error. */
        if (options->logfile[0] != '\0')
            log_write(&log, LOG_WARNING, "%.*s", (int)buffer_size(&error),
                      (const char *)buffer_content(&error).data);
        log_sink_close(&sink);
        return complain(&error, EXIT_FAILURE);
    }
    if (!write_pidfile(options->pidfile))
        log_write(&log, LOG_WARNING, "cannot write the pidfile '%s': %s", options->pidfile,
                  strerror(errno));
    const bool in_order = node_run(node);
    if (options->pidfile[0] != '\0')
        unlink(options->pidfile);
    node_destroy(&node);
    log_sink_close(&sink);
    return in_order ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Whether the first argument is the name of a file, and not a directive. */
static bool names_file(int argc, char **argv)
{
    return argc > 1 && strncmp(argv[1], "--", 2) != 0;
}

int main(int argc, char **argv)
{
    const struct options_reader reader = {.read = read_config};
    const char *file = names_file(argc, argv) ? argv[1] : NULL;
    const int first = file != NULL ? 2 : 1;
    struct buffer error = {0};

    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return print_help();
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)) {
        puts("dunlin-server " PACKAGE_VERSION);
        return EXIT_SUCCESS;
    }
    const struct options *options = options_load(file, (const char *const *)(argv + first),
                                                 (size_t)(argc - first), &reader, &error);
    if (options == NULL)
        return complain(&error, EXIT_USE);
    if (options->daemonize && daemon(1, 0) != 0) {
        buffer_append_format(&error, "cannot go to the background: %s", strerror(errno));
        options_release(&options);
        return complain(&error, EXIT_FAILURE);
    }
    memory_prepare();
    const int code = serve(options, file != NULL ? file : "", argv[0]);
    options_release(&options);
    return code;
}
