# SPDX-License-Identifier: BSD-3-Clause
#
# The tables: medians over the rounds of what the lines sampled, beside the budgets. A ratio is the
# median of the rounds' ratios, each of two runs of one round. Exits with 3 when a budget is missed
# (in a self-test: when a ratio is not 1).
#
# Reads `budgets`, then what `run` and the lines wrote:
#
#   title LINE TEXT...                                  over its table
#   columns LINE BASE OURS                              its two columns of values (redis, dunlin)
#   row LINE ROW value|ratio|largest|least LABEL...     a row, and what of it the budget is for: the
#                                                       median, the median ratio to the base, the
#                                                       largest or the least of all rounds
#   value LINE ROW ROUND VALUE [BASE]                   a sample of a row
#   run LINE SIDE COMMAND PIPELINE ROUND CPU-US OPS/S P50 P99 P99.9
#                                                       a sample of a load (latencies in ms)
#   state STEAL-SHARE OTHERS-SHARE                      how disturbed the machine was

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

function least(what, key,    n) {
    n = gather(what, key)
    return n ? sorted[1] : 0
}

# told(how, what, key): what a row shows of its rounds.
function told(how, what, key) {
    return how == "largest" ? largest(what, key) : how == "least" ? least(what, key) : median(what, key)
}

# judged(value, limit): a word for the table; without a limit none. In a self-test all are ratios.
function judged(value, limit,    bound, met) {
    if (self_test == "yes") {
        met = value >= 0.8 && value <= 1.25
    } else if (limit == "") {
        return "-"
    } else if (limit ~ /^>=/) {
        bound = substr(limit, 3)
        met = value >= bound + 0
    } else {
        met = value <= limit + 0
    }
    if (!met)
        missed++
    return met ? "ok" : self_test == "yes" ? "NOT 1" : "over"
}

function json_add(text) {
    if (json != "")
        print text >json
}

function json_word(text) {
    gsub(/["\\]/, "", text)
    return "\"" text "\""
}

function json_verdict(limit, word) {
    return sprintf("\"budget\": %s, \"verdict\": \"%s\"", limit == "" ? "null" : json_word(limit), word)
}

# short(value): three figures or the whole number.
function short(value) {
    return sprintf(value >= 100 ? "%.0f" : value >= 10 ? "%.1f" : value >= 0.1 ? "%.2f" : "%.3g", value)
}

# ---- loads of redis-benchmark

# One server's medians of one cell, as JSON.
function json_server(key) {
    return sprintf("{\"cpu_us\": %.4f, \"ops_s\": %.0f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, " \
        "\"p999_ms\": %.3f, \"spread\": %.3f}", median("cpu", key), median("ops", key), \
        median("p50", key), median("p99", key), median("p999", key), spread_of("cpu", key))
}

# cell(line, load): one row; load is "COMMAND PIPELINE".
function cell(line, load,    ours, theirs, i, ratio, word, words, limit) {
    theirs = line " redis " load
    ours = line " dunlin " load
    split(load, words)
    limit = budget[line, words[2]]
    for (i = 1; ("cpu", ours, i) in seen; i++)
        seen["ratio", ours, i] = seen["cpu", ours, i] / seen["cpu", theirs, i]
    ratio = median("ratio", ours)
    word = judged(ratio, limit)
    printf "%-4s %4d  %7.2f %7.2f  %6.2f  %6s  %-5s  %8.0f %8.0f  %6.2f %6.2f  %6.2f %6.2f  %7.2f %7.2f  %4.0f %4.0f\n", \
        words[1], words[2], median("cpu", theirs), median("cpu", ours), ratio, \
        limit == "" ? "-" : limit, word, median("ops", theirs), median("ops", ours), \
        median("p50", theirs), median("p50", ours), median("p99", theirs), median("p99", ours), \
        median("p999", theirs), median("p999", ours), 100 * spread_of("cpu", theirs), \
        100 * spread_of("cpu", ours)
    json_cells = json_cells sprintf("%s    {\"line\": \"%s\", \"command\": \"%s\", \"pipeline\": %d, " \
        "\"ratio\": %.4f, %s,\n     \"redis\": %s,\n     \"dunlin\": %s}", \
        json_cells != "" ? ",\n" : "", line, words[1], words[2], ratio, json_verdict(limit, word), \
        json_server(theirs), json_server(ours))
}

function loads_table(line,    i) {
    print "                CPU us/op           CPU                         ops/s         p50 ms         p99 ms        p99.9 ms    spread %"
    print "      pipe   redis  dunlin   ratio  budget            redis   dunlin   redis dunlin   redis dunlin    redis  dunlin   r    d"
    for (i = 1; i <= loads[line]; i++)
        cell(line, load_of[line, i])
}

# ---- rows of a line's own

function json_row(line, row, value, base, ratio, limit, word, spread) {
    json_rows = json_rows sprintf("%s    {\"line\": \"%s\", \"row\": \"%s\", \"value\": %.4f, " \
        "\"base\": %s, \"ratio\": %s, %s, \"spread\": %.3f}", json_rows != "" ? ",\n" : "", line, row, \
        value, base == "" ? "null" : base, ratio == "" ? "null" : sprintf("%.4f", ratio), \
        json_verdict(limit, word), spread)
}

function own_row(line, row,    key, how, value, base, ratio, limit, word, spread, i) {
    key = line " " row
    how = how_of[line, row]
    limit = budget[line, row]
    value = told(how, "value", key)
    base = ratio = ""
    if (("base", key, 1) in seen) {
        base = told(how, "base", key)
        for (i = 1; ("value", key, i) in seen; i++)
            seen["ratio", key, i] = seen["base", key, i] ? seen["value", key, i] / seen["base", key, i] : 0
        ratio = median("ratio", key)
    }
    spread = spread_of(how == "ratio" ? "ratio" : "value", key)
    if (self_test == "yes" && (ratio == "" || limit == ""))
        word = "-"
    else
        word = judged(how == "ratio" || self_test == "yes" ? ratio : value, limit)
    printf "  %-46s  %9s %9s  %6s  %7s  %-5s  %4.0f\n", label_of[line, row], \
        base == "" ? "-" : short(base), short(value), ratio == "" ? "-" : short(ratio), \
        limit == "" ? "-" : (how == "ratio" ? "x " : "") limit, word, 100 * spread
    json_row(line, row, value, base, ratio, limit, word, spread)
}

function rows_table(line,    i, base, ours) {
    base = (line, "base") in column ? column[line, "base"] : "redis"
    ours = (line, "ours") in column ? column[line, "ours"] : "dunlin"
    printf "  %-46s  %9s %9s  %6s  %7s  %-5s  %s\n", "", base, ours, "ratio", "budget", "", "spread %"
    for (i = 1; i <= rows[line]; i++)
        if (("value", line " " row_of[line, i], 1) in seen)
            own_row(line, row_of[line, i])
}

function line_table(line) {
    print ""
    print title[line] (line ~ /^three/ && spread == "yes" ? "; clients at all three nodes" : "")
    if (loads[line])
        loads_table(line)
    if (rows[line])
        rows_table(line)
    if (self_test != "yes")
        unsampled(line)
}

# unsampled(line): budgets of a line that ran and took no sample for them are missed.
function unsampled(line,    i) {
    for (i = 1; i <= budgets; i++)
        if (line_of_budget[i] == line && !((line, row_of_budget[i]) in sampled)) {
            print "  no sample for the budget of " row_of_budget[i]
            missed++
        }
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

# rest(from): the line's words from there on.
function rest(from,    i, text) {
    for (i = from; i <= NF; i++)
        text = text (i > from ? " " : "") $i
    return text
}

/^#/ || NF == 0 {
    next
}

FILENAME ~ /budgets$/ {
    budget[$1, $2] = $3
    line_of_budget[++budgets] = $1
    row_of_budget[budgets] = $2
    next
}

$1 == "title" {
    title[$2] = rest(3)
}

$1 == "columns" {
    column[$2, "base"] = $3
    column[$2, "ours"] = $4
}

$1 == "row" {
    row_of[$2, ++rows[$2]] = $3
    how_of[$2, $3] = $4
    label_of[$2, $3] = rest(5)
}

$1 == "run" {
    load = $4 " " $5
    key = $2 " " $3 " " load
    sampled[$2, $5] = 1
    if (!(($2, load) in load_known)) {
        load_known[$2, load] = 1
        load_of[$2, ++loads[$2]] = load
    }
    seen["cpu", key, $6] = $7
    seen["ops", key, $6] = $8
    seen["p50", key, $6] = $9
    seen["p99", key, $6] = $10
    seen["p999", key, $6] = $11
}

$1 == "value" {
    key = $2 " " $3
    sampled[$2, $3] = 1
    seen["value", key, $4] = $5
    if (NF > 5)
        seen["base", key, $4] = $6
}

$1 == "state" {
    disturbed($2, $3)
}

END {
    printf "Dunlin beside redis %s: medians of %d alternating rounds; keys of 16 bytes, values of 64,\n", \
        redis_version, rounds
    print "1M keys, 50 connections, unless a line says else. CPU is user and system of all server processes."
    if (self_test == "yes")
        print "SELF-TEST: \"dunlin\" is a second redis-server; every ratio should be 1."
    if (quick == "yes" || rounds < rounds_min)
        print "A quick look: too few requests or rounds to be a result."
    count = split(lines, names)
    for (i = 1; i <= count; i++)
        line_table(names[i])
    machine_table()
    json_add(sprintf("{\n  \"rounds\": %d, \"quick\": %s, \"redis_version\": %s,", rounds, \
        quick == "yes" ? "true" : "false", json_word(redis_version)))
    json_add("  \"cells\": [\n" json_cells "\n  ],\n  \"rows\": [\n" json_rows "\n  ],")
    json_add(sprintf("  \"machine\": {\"cpu\": %s, \"cpus\": %d, \"kernel\": %s, \"pinning\": %s, " \
        "\"steal_share\": %.4f, \"steal_share_max\": %.4f, \"others_share\": %.4f, \"others_share_max\": %.4f},\n" \
        "  \"missed\": %d\n}", json_word(cpu), cpus, json_word(kernel), json_word(pinning), \
        median("steal", "all"), largest("steal", "all"), median("others", "all"), \
        largest("others", "all"), missed))
    if (missed)
        printf "\n%d %s.\n", missed, self_test == "yes" ? "not 1" : "over budget"
    exit missed ? 3 : 0
}
