/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Why a command of Redis is not there, for docs/COMPATIBILITY.md:
 *
 *   ABSENT(groups, names, plan, reason)
 *
 * `groups` and `names` are globs, and the first row that fits both counts. The plan is "not yet" or
 * "never". dunlin-manual refuses a row that fits no absent command, and an absent command that no
 * row fits.
 */
/* clang-format off */
ABSENT("scripting", "f*", "never", "functions are a library kept by a primary; scripts come as EVAL")
ABSENT("*", "acl*", "never", "one password, `requirepass`, and one user")
ABSENT("*", "*sync", "never", "no node follows another; nodes speak a protocol of their own")
ABSENT("*", "replconf", "never", "no node follows another; nodes speak a protocol of their own")
ABSENT("*", "restore-asking", "never", "slots do not migrate one key at a time")
ABSENT("*", "migrate", "never", "slots do not migrate one key at a time")
ABSENT("*", "waitaof", "never", "no data is on disk")
ABSENT("*", "cluster|myshardid", "not yet", "came with Redis 7.2")
ABSENT("list", "*", "not yet", "strings are the one type yet")
ABSENT("set", "*", "not yet", "strings are the one type yet")
ABSENT("sorted-set", "*", "not yet", "strings are the one type yet")
ABSENT("hash", "*", "not yet", "strings are the one type yet")
ABSENT("stream", "*", "not yet", "strings are the one type yet")
ABSENT("geo", "*", "not yet", "strings are the one type yet")
ABSENT("bitmap", "*", "not yet", "strings are taken as bytes, not bits")
ABSENT("hyperloglog", "*", "not yet", "strings are the one type yet")
ABSENT("*", "*", "not yet", "being built")
/* clang-format on */
