# SPDX-License-Identifier: BSD-3-Clause
#
# The table: medians over the rounds of the lines that `run` sampled, beside the budgets. A ratio is
# the median of the rounds' ratios, each of two runs of one round. Exits with 3 when a budget is
# missed (in a self-test: when a ratio is not 1).
#
# Samples: "run" lines as client.awk prints them, "memory NAME ROUND bytes-a-key", and
# "recovery ROUND seconds p99-ms-before p99-ms-during worst-ms-at-the-kill worst-ms-during steal-share
# others-share".

# order(values, n): sorts values[1..n]; awk has no sort of its own, and n is the number of rounds.
function order(values, n,    i, j, v) {
    for (i = 2; i <= n; i++) {
        v = values[i]
        for (j = i - 1; j >= 1 && values[j] > v; j--)
            values[j + 1] = values[j]
        values[j + 1] = v
    }
}

# gather(what, key): copies what[key, 1..] to sorted[]; returns how many.
function gather(what, key,    i, n) {
    split("", sorted)
    for (i = 1; (what, key, i) in seen; i++)
        sorted[++n] = seen[what, key, i]
    order(sorted, n)
    return n
}

function median(what, key,    n) {
    n = gather(what, key)
    if (!n)
        return 0
    return n % 2 ? sorted[(n + 1) / 2] : (sorted[n / 2] + sorted[n / 2 + 1]) / 2
}

# spread_of(what, key): the distance of the extremes, as a part of the median.
function spread_of(what, key,    m, n) {
    m = median(what, key)
    n = gather(what, key)
    return m ? (sorted[n] - sorted[1]) / m : 0
}

function largest(what, key,    n) {
    n = gather(what, key)
    return n ? sorted[n] : 0
}

function verdict(value, limit) {
    if (self_test == "yes") {
        if (value < 0.8 || value > 1.25) {
            missed++
            return "NOT 1"
        }
        return "ok"
    }
    if (value > limit) {
        missed++
        return "over"
    }
    return "ok"
}

function json_add(text) {
    if (json != "")
        print text >json
}

# One server's medians of one cell, as JSON.
function json_server(key) {
    return sprintf("{\"cpu_us\": %.4f, \"ops_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, " \
        "\"p999_ms\": %.3f, \"spread\": %.3f}", median("cpu", key), median("ops", key), \
        median("p50", key), median("p99", key), median("p999", key), spread_of("cpu", key))
}

# cell(shape, command, pipeline): one row.
function cell(shape, command, pipeline,    ours, theirs, i, ratio, word) {
    theirs = "redis " command " " pipeline
    ours = shape " " command " " pipeline
    for (i = 1; ("cpu", ours, i) in seen; i++)
        seen["ratio", ours, i] = seen["cpu", ours, i] / seen["cpu", theirs, i]
    ratio = median("ratio", ours)
    word = verdict(ratio, budget[shape, pipeline])
    printf "%-4s %4d  %7.2f %7.2f  %6.2f  %6.2f  %-5s  %8.0f %8.0f  %6.2f %6.2f  %6.2f %6.2f  %7.2f %7.2f  %4.0f %4.0f\n", \
        command, pipeline, median("cpu", theirs), median("cpu", ours), ratio, \
        budget[shape, pipeline], word, median("ops", theirs), median("ops", ours), \
        median("p50", theirs), median("p50", ours), median("p99", theirs), median("p99", ours), \
        median("p999", theirs), median("p999", ours), 100 * spread_of("cpu", theirs), \
        100 * spread_of("cpu", ours)
    json_add(sprintf("%s    {\"shape\": \"%s\", \"command\": \"%s\", \"pipeline\": %d, " \
        "\"ratio\": %.4f, \"budget\": %s, \"verdict\": \"%s\",\n     \"redis\": %s,\n     \"dunlin\": %s}", \
        json_cells++ ? ",\n" : "", shape, command, pipeline, ratio, budget[shape, pipeline], word, \
        json_server(theirs), json_server(ours)))
}

function table(shape, title,    i) {
    if (!(("cpu", shape " GET 1", 1) in seen))
        return
    print ""
    print title
    print "                CPU us/op           CPU                         ops/s         p50 ms         p99 ms        p99.9 ms    spread %"
    print "      pipe   redis  dunlin   ratio  budget            redis   dunlin   redis dunlin   redis dunlin    redis  dunlin   r    d"
    for (i = 1; i <= 3; i++)
        cell(shape, "GET", pipes[i])
    for (i = 1; i <= 3; i++)
        cell(shape, "SET", pipes[i])
}

function memory_table(    theirs, ours, word) {
    if (!(("memory", "one", 1) in seen))
        return
    theirs = median("memory", "redis")
    ours = median("memory", "one")
    word = self_test == "yes" ? verdict(ours / theirs, 1) : verdict(ours, budget["memory", "-"])
    print ""
    print "Resident bytes a key, 1M keys of 16 bytes with values of 64: (loaded - empty) / keys"
    printf "  redis %.1f   dunlin %.1f   budget %d   %s\n", theirs, ours, budget["memory", "-"], word
    json_add(sprintf("  \"memory\": {\"redis\": %.1f, \"dunlin\": %.1f, \"budget\": %d, \"verdict\": \"%s\"},", \
        theirs, ours, budget["memory", "-"], word))
}

# judge(name, what, value, format, told): one line of a recovery.
function judge(name, what, value, format, told,    limit, word) {
    limit = budget["recovery", name]
    word = verdict(value, limit)
    printf "  %-44s  %8s  budget %5.4g  %-4s  %s\n", what, sprintf(format, value), limit, word, told
    json_add(sprintf("    \"%s\": {\"value\": %.4f, \"budget\": %s, \"verdict\": \"%s\"},", name, value, \
        limit, word))
}

function recovery_table(    i, worst) {
    if (!(("votes", "recovery", 1) in seen))
        return
    for (i = 1; ("votes", "recovery", i) in seen; i++)
        seen["p99-ratio", "recovery", i] = seen["during", "recovery", i] / seen["quiet", "recovery", i]
    worst = largest("kill", "recovery")
    print ""
    print "A node of three (N=3 R=W=2, one worker each, 1M keys) is killed and started, under " pace \
        " GET and SET a second at the others"
    json_add("  \"recovery\": {")
    judge("votes-s", "until it votes again, s", median("votes", "recovery"), "%.2f", \
        sprintf("spread %.0f%%", 100 * spread_of("votes", "recovery")))
    judge("p99-ratio", "p99 during it over p99 before", median("p99-ratio", "recovery"), "%.2f", \
        sprintf("%.2f over %.2f ms, spread %.0f%%; worst reply %.1f ms", median("during", "recovery"), \
        median("quiet", "recovery"), 100 * spread_of("p99-ratio", "recovery"), \
        largest("during-worst", "recovery")))
    judge("kill-ms", "worst reply at a SIGKILL, of all rounds, ms", worst, "%.1f", \
        sprintf("median %.1f", median("kill", "recovery")))
    json_add(sprintf("    \"p99_ms_before\": %.3f, \"p99_ms_during\": %.3f, \"worst_ms_during\": %.3f\n  },", \
        median("quiet", "recovery"), median("during", "recovery"), largest("during-worst", "recovery")))
}

function machine_table() {
    print ""
    printf "Machine: %s, %d CPUs, Linux %s; %s\n", cpu, cpus, kernel, pinning
    if (!(("steal", "all", 1) in seen))
        return
    printf "Disturbed by: the host %.1f%% of the CPU time (worst run %.1f%%), other processes %.1f%% (worst %.1f%%)\n", \
        100 * median("steal", "all"), 100 * largest("steal", "all"), \
        100 * median("others", "all"), 100 * largest("others", "all")
    if (largest("others", "all") > 0.1 || largest("steal", "all") > 0.05)
        print "  That is much: trust the ratios more than the times, and neither far."
}

# disturbed(steal, others): the machine's state in one more run.
function disturbed(steal, others) {
    runs++
    seen["steal", "all", runs] = steal
    seen["others", "all", runs] = others
}

function json_word(text) {
    gsub(/["\\]/, "", text)
    return "\"" text "\""
}

BEGIN {
    split("1 16 64", pipes)
}

/^#/ || NF == 0 {
    next
}

FILENAME ~ /budgets$/ {
    budget[$1, $2] = $3
    next
}

# A key is "name command pipeline".
$1 == "run" {
    key = $2 " " $3 " " $4
    seen["cpu", key, $5] = $6
    seen["ops", key, $5] = $7
    seen["p50", key, $5] = $8
    seen["p99", key, $5] = $9
    seen["p999", key, $5] = $10
    disturbed($11, $12)
}

$1 == "recovery" {
    seen["votes", "recovery", $2] = $3
    seen["quiet", "recovery", $2] = $4
    seen["during", "recovery", $2] = $5
    seen["kill", "recovery", $2] = $6
    seen["during-worst", "recovery", $2] = $7
    disturbed($8, $9)
}

$1 == "memory" {
    seen["memory", $2, $3] = $4
}

END {
    printf "Dunlin beside redis %s: medians of %d alternating rounds; keys of 16 bytes, values of 64,\n", \
        redis_version, rounds
    print "1M keys, 50 connections. CPU is user and system of all server processes."
    if (self_test == "yes")
        print "SELF-TEST: \"dunlin\" is a second redis-server; every ratio should be 1."
    if (quick == "yes" || rounds < rounds_min)
        print "A quick look: too few requests or rounds to be a result."
    json_add(sprintf("{\n  \"rounds\": %d, \"quick\": %s, \"redis_version\": %s,", rounds, \
        quick == "yes" ? "true" : "false", json_word(redis_version)))
    json_add("  \"cells\": [")
    table("one", "One node, one worker, against redis")
    table("three", "Three nodes of one worker each, N=3 R=W=2, against one redis; clients at " \
        (spread == "yes" ? "all three nodes" : "the first node"))
    json_add("  ],")
    memory_table()
    recovery_table()
    machine_table()
    json_add(sprintf("  \"machine\": {\"cpu\": %s, \"cpus\": %d, \"kernel\": %s, \"pinning\": %s, " \
        "\"steal_share\": %.4f, \"steal_share_max\": %.4f, \"others_share\": %.4f, \"others_share_max\": %.4f},\n" \
        "  \"missed\": %d\n}", json_word(cpu), cpus, json_word(kernel), json_word(pinning), \
        median("steal", "all"), largest("steal", "all"), median("others", "all"), \
        largest("others", "all"), missed))
    if (missed)
        printf "\n%d %s.\n", missed, self_test == "yes" ? "not 1" : "over budget"
    exit missed ? 3 : 0
}
