/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file.h"
#include "lib/timeout.h"

/* Every test has a folder of its own, which is its working folder. */
static char folder[] = "/tmp/dunlin-file-XXXXXX";

static void enter_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
    DIR *entries = opendir(".");

    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        unlinkat(dirfd(entries), entry->d_name, 0);
    closedir(entries);
    unlink("data/lock");
    rmdir("data");
    cr_assert_eq(rmdir(folder), 0);
}

TestSuite(file, .timeout = TIMEOUT_S(10), .init = enter_folder, .fini = leave_folder);

static unsigned files_here(void)
{
    DIR *entries = opendir(".");
    unsigned count = 0;

    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

static void assert_content(const char *path, struct span expected)
{
    struct buffer content = {0};
    struct buffer error = {0};

    cr_assert_eq(file_read(path, 1 << 20, &content, &error), FILE_OK);
    cr_assert(span_equal(buffer_content(&content), expected));
    buffer_deinit(&content);
    buffer_deinit(&error);
}

static void assert_text(struct buffer *text, const char *expected)
{
    cr_assert(span_equal(buffer_content(text), span_of_string(expected)), "%.*s",
              (int)buffer_size(text), (const char *)buffer_content(text).data);
    buffer_reset(text, SIZE_MAX);
}

Test(file, what_is_written_is_read_back_and_nothing_stays_beside_it)
{
    struct buffer error = {0};

    cr_assert(file_replace("a", SPAN("one\0two"), 0600, &error));
    assert_content("a", SPAN("one\0two"));
    cr_assert(file_replace("a", SPAN(""), 0600, &error));
    assert_content("a", SPAN(""));
    cr_assert_eq(files_here(), 1);
    buffer_deinit(&error);
}

Test(file, a_large_file_is_read_whole_up_to_its_bound)
{
    enum { SIZE = 300000 };
    struct buffer content = {0};
    struct buffer error = {0};
    char *bytes = malloc(SIZE);

    memset(bytes, 'x', SIZE);
    cr_assert(file_replace("a", span_of(bytes, SIZE), 0600, &error));
    cr_assert_eq(file_read("a", SIZE, &content, &error), FILE_OK);
    cr_assert_eq(buffer_size(&content), SIZE);
    buffer_reset(&content, SIZE_MAX);
    cr_assert_eq(file_read("a", SIZE - 1, &content, &error), FILE_FAILED);
    assert_text(&error, "cannot read 'a': it is longer than 299999 bytes");
    free(bytes);
    buffer_deinit(&content);
    buffer_deinit(&error);
}

Test(file, an_absent_file_is_no_failure_and_a_folder_is_one)
{
    struct buffer content = {0};
    struct buffer error = {0};

    cr_assert_eq(file_read("none", 10, &content, &error), FILE_ABSENT);
    cr_assert_eq(buffer_size(&error), 0);
    cr_assert_eq(file_read(".", 10, &content, &error), FILE_FAILED);
    assert_text(&error, "cannot read '.': Is a directory");
    cr_assert_not(file_replace("none/a", SPAN("x"), 0600, &error));
    assert_text(&error, "cannot write 'none/a': No such file or directory");
    buffer_deinit(&content);
    buffer_deinit(&error);
}

Test(file, a_file_that_was_there_keeps_its_mode)
{
    struct buffer error = {0};
    struct stat status;

    cr_assert(file_replace("a", SPAN("x"), 0600, &error));
    cr_assert_eq(chmod("a", 0640), 0);
    cr_assert(file_replace("a", SPAN("y"), 0600, &error));
    cr_assert_eq(stat("a", &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0640);
    buffer_deinit(&error);
}

Test(file, when_the_disk_is_full_the_old_file_stays_and_the_error_says_so)
{
    struct buffer error = {0};
    const struct rlimit limit = {.rlim_cur = 64, .rlim_max = RLIM_INFINITY};
    const struct rlimit none = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    char bytes[4096] = {0};

    cr_assert(file_replace("node.state", SPAN("old"), 0600, &error));
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const bool written = file_replace("node.state", span_of(bytes, sizeof bytes), 0600, &error);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    cr_assert_not(written);
    assert_text(&error, "cannot write 'node.state': File too large");
    assert_content("node.state", SPAN("old"));
    cr_assert_eq(files_here(), 1, "no part of the new file is left");
    buffer_deinit(&error);
}

Test(file, two_servers_never_share_a_folder)
{
    struct buffer error = {0};
    char expected[128];

    int lock = file_lock_folder("data", &error);
    cr_assert_geq(lock, 0);
    cr_assert_eq(file_lock_folder("data", &error), -1);
    snprintf(expected, sizeof expected,
             "cannot use the folder 'data': another server uses it (process %ld)", (long)getpid());
    assert_text(&error, expected);
    file_unlock_folder(&lock);
    cr_assert_eq(lock, -1);
    lock = file_lock_folder("data", &error);
    cr_assert_geq(lock, 0);
    file_unlock_folder(&lock);
    buffer_deinit(&error);
}

Test(file, a_killed_holder_leaves_the_folder_free)
{
    struct buffer error = {0};
    int told[2];
    char byte;

    cr_assert_eq(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) {
        if (file_lock_folder("data", &error) < 0 || write(told[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    cr_assert_eq(read(told[0], &byte, 1), 1);
    cr_assert_eq(file_lock_folder("data", &error), -1);
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    int lock = file_lock_folder("data", &error);
    cr_assert_geq(lock, 0);
    file_unlock_folder(&lock);
    buffer_deinit(&error);
}

Test(file, a_lock_in_a_folder_that_cannot_be_made_says_why)
{
    struct buffer error = {0};

    cr_assert_eq(file_lock_folder("none/data", &error), -1);
    assert_text(&error, "cannot create 'none/data': No such file or directory");
    cr_assert(file_replace("a", SPAN("x"), 0600, &error));
    cr_assert_eq(file_lock_folder("a", &error), -1);
    assert_text(&error, "cannot write 'a/lock': Not a directory");
    buffer_deinit(&error);
}
