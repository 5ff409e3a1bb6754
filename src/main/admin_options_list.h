/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The options of dunlin-admin. The fields of struct admin_options, the parser and its errors,
 * --help and dunlin-admin(1) are made from these rows:
 *
 *   ADMIN_OPTION(command, field, letter, name, KIND, initial, min, max, form, text)
 *
 *   command  ALL, or the one that takes it
 *   letter   its short form, -x; 0: none
 *   KIND     TEXT, NUMBER, FLAG (takes no value), LIST (may be given again, a value each)
 *   initial  the value without the option; NULL of a TEXT: none
 *   min, max of a NUMBER; of a LIST, the values at most
 *
 * Included by whoever defines ADMIN_OPTION, once for each use; undefined at the end.
 */
/* clang-format off */
ADMIN_OPTION(ALL, host, 'h', "host", TEXT, "127.0.0.1", 0, 0, "address",
    "The node of Dunlin to talk to. Any node of the cluster will do.")
ADMIN_OPTION(ALL, port, 'p', "port", NUMBER, "6379", 1, 65535, "number",
    "Its port for clients.")
ADMIN_OPTION(ALL, uris, 'u', "uri", LIST, NULL, 0, 16, "redis://[:password@]host[:port]",
    "The same as a URI, in the place of --host and --port. Given again, it names another node of the "
    "cluster, to go on with when the first cannot be reached.")
ADMIN_OPTION(ALL, user, 0, "user", TEXT, NULL, 0, 0, "name",
    "The user to log in as, with the password.")
ADMIN_OPTION(ALL, password, 'a', "password", TEXT, NULL, 0, 0, "password",
    "The password of Dunlin. Others can see it in the list of processes: better is the environment, as "
    "DUNLIN_PASSWORD.")
ADMIN_OPTION(ALL, json, 0, "json", FLAG, NULL, 0, 0, NULL,
    "Prints the result as JSON.")
ADMIN_OPTION(ALL, help, 0, "help", FLAG, NULL, 0, 0, NULL,
    "Prints a help text and ends.")
ADMIN_OPTION(ALL, version, 0, "version", FLAG, NULL, 0, 0, NULL,
    "Prints the version and ends.")

ADMIN_OPTION(IMPORT, match, 0, "match", TEXT, NULL, 0, 0, "pattern",
    "Only keys that match the pattern, as SCAN's MATCH has it.")
ADMIN_OPTION(IMPORT, skip, 0, "skip", FLAG, NULL, 0, 0, NULL,
    "A key that Dunlin has stays as it is. This is the default: what clients write to Dunlin "
    "meanwhile is safe, and so is beginning again.")
ADMIN_OPTION(IMPORT, replace, 0, "replace", FLAG, NULL, 0, 0, NULL,
    "A key that Dunlin has takes the source's value and time to live.")
ADMIN_OPTION(IMPORT, rate, 0, "rate", NUMBER, "0", 0, 100000000, "number",
    "Keys a second at most; 0: as fast as it goes.")
ADMIN_OPTION(IMPORT, pipeline, 0, "pipeline", NUMBER, "128", 1, 4096, "number",
    "Keys that are asked for, and then sent, at once. Of values at most 8 MB, or a single one, are "
    "under way at a time.")
ADMIN_OPTION(IMPORT, state, 0, "state", TEXT, NULL, 0, 0, "file",
    "Where it is written how far the import has come; without it, dunlin-import-HOST-PORT-DATABASE.state "
    "in the working folder. An import that finds the file goes on from there. It is removed at the end.")
ADMIN_OPTION(IMPORT, restart, 0, "restart", FLAG, NULL, 0, 0, NULL,
    "Begins from the beginning, whatever the state file says.")
ADMIN_OPTION(IMPORT, patience, 0, "patience", NUMBER, "60", 0, 86400, "seconds",
    "How long to try again while the source or all nodes of Dunlin fail, before it gives up.")
ADMIN_OPTION(IMPORT, report, 0, "report", TEXT, NULL, 0, 0, "file",
    "Appends a line for each key that was not carried: why, and its name.")
ADMIN_OPTION(IMPORT, verify, 0, "verify", FLAG, NULL, 0, 0, NULL,
    "Walks the source once more afterwards, and compares values and times to live.")
ADMIN_OPTION(IMPORT, sample, 0, "sample", NUMBER, "0", 0, INT64_MAX, "number",
    "With --verify, about so many keys, drawn by chance, in the place of all.")
ADMIN_OPTION(IMPORT, dry_run, 0, "dry-run", FLAG, NULL, 0, 0, NULL,
    "Walks the source and counts, and writes nothing. With --verify it only compares.")
/* clang-format on */
#undef ADMIN_OPTION
