# SPDX-License-Identifier: BSD-3-Clause
#
# One run: what redis-benchmark printed (a file for each client), with the CPU times that load.sh took,
# becomes one line:
#
#   cpu-us/op ops/s p50-ms p99-ms p99.9-ms steal-share others-share
#
# With MGET a key is an operation. Latencies are the first points of the histogram at or past the percentile; with several clients,
# the worst of them.

function worse(name, ms) {
    if (ms > worst[name])
        worst[name] = ms
}

FNR == 1 {
    p50 = p99 = p999 = 0
    in_percentiles = 0
}

/Latency by percentile distribution/ {
    in_percentiles = 1
}

/Cumulative distribution of latencies/ {
    in_percentiles = 0
}

in_percentiles && $2 == "<=" {
    if (!p50 && $1 + 0 >= 50) { p50 = 1; worse("p50", $3) }
    if (!p99 && $1 + 0 >= 99) { p99 = 1; worse("p99", $3) }
    if (!p999 && $1 + 0 >= 99.9) { p999 = 1; worse("p999", $3) }
}

/throughput summary:/ {
    ops_s += $3
}

END {
    others = busy / ticks - server_ns / 1e9 - client_s
    if (others < 0)
        others = 0
    printf "%.4f %.0f %.3f %.3f %.3f %.4f %.4f\n", server_ns / 1000 / count / operations, \
        ops_s * operations, worst["p50"], worst["p99"], worst["p999"], all ? steal / all : 0, \
        all ? others * ticks / all : 0
}
