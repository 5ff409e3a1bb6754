# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# The servers that the bench measures: finds, starts, fills and ends them. To be sourced by `run`, for
# the lines. All listen on loopback, on free ports, and run on the servers' CPUs.
#
#   start_redis NAME                        redis-server, nothing kept on disk, one I/O thread
#   start_dunlin NAME [DIRECTIVE...]        dunlin-server with one worker, if no directive says else
#   start_three [DIRECTIVE...]              three of them, N=3 R=W=2, named `three`
#   fill NAME [VALUE-BYTES [TTL-S]]         every key; fails unless they are all there
#   node_pid N                              the process of a node of the three
#   end_servers                             all of them; `run` calls it after each line
#   program NAME                            makes a program of tests/perf, and sets the variable NAME
#                                           to where it is
#
# pids_of[NAME] are a server's processes, ports_of[NAME] the ports that its clients use.
#
# shellcheck disable=SC2154,SC2034 # `run` sets and uses the variables

declare -A pids_of ports_of
own_pids=()
cluster_up=no

end_servers() {
    local pid

    [ "$cluster_up" = no ] || "$bench/../cluster" down --dir "$scratch/three" >/dev/null 2>&1
    cluster_up=no
    for pid in "${own_pids[@]}"; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    own_pids=()
    pids_of=()
    ports_of=()
}

# find_redis: sets redis to a redis-server. One program is both redis-check-rdb, which redis-tools
# brings, and redis-server; it looks at the name that it was called by.
find_redis() {
    need_packages redis-tools || exit 1
    redis=$(command -v redis-server) && return
    redis=$root/build/bench/redis-server
    mkdir -p "$root/build/bench" || exit 1
    ln -sf "$(command -v redis-check-rdb)" "$redis" || exit 1
    [[ $("$redis" --version 2>&1) == "Redis server"* ]] ||
        fail "there is no redis-server, and redis-check-rdb does not serve as one"
}

program() {
    local folder=${DUNLIN_BUILD:-$root/build/cluster}

    [ -n "${DUNLIN_BUILD:-}" ] || [ -e "$folder/Makefile" ] || build_server
    make -s -C "$folder" "$1" >"$scratch/$1.log" 2>&1 || {
        tail -n 10 "$scratch/$1.log" >&2
        fail "$1 could not be made in $folder"
    }
    printf -v "$1" %s "$folder/$1"
}

# free_ports COUNT: the first of COUNT ports in a row that are free, with their bus ports. All below
# 32768, where the kernel begins to take ports for outgoing connections.
free_ports() {
    local used first at

    used=$(ports_in_use)
    while :; do
        first=$((12001 + RANDOM % 10000))
        for ((at = first; at < first + $1; at++)); do
            ! grep -qx -e "$at" -e "$((at + 10000))" <<<"$used" || continue 2
        done
        echo "$first"
        return
    done
}

# start_server NAME PROGRAM WORD...: one process, until it answers.
start_server() {
    local name=$1 program=$2 port until=$((SECONDS + 30))

    shift 2
    port=$(free_ports 1)
    rm -rf "${scratch:?}/$name"
    mkdir -p "$scratch/$name" || exit 1
    "${on_server_cpus[@]}" "$program" --port "$port" --dir "$scratch/$name" "$@" \
        >"$scratch/$name.log" 2>&1 </dev/null &
    pids_of[$name]=$!
    ports_of[$name]=$port
    own_pids+=("$!")
    until [ "$(redis-cli -p "$port" ping </dev/null 2>/dev/null)" = PONG ]; do
        if ! kill -0 "${pids_of[$name]}" 2>/dev/null || ((SECONDS >= until)); then
            tail -n 10 "$scratch/$name.log" >&2
            fail "$program does not answer"
        fi
        sleep 0.05
    done
}

start_redis() {
    start_server "$1" "$redis" --bind 127.0.0.1 --save '' --appendonly no --io-threads 1
}

start_dunlin() {
    local name=$1

    shift
    if [ "$self_test" = yes ]; then
        start_redis "$name"
    else
        start_server "$name" "$dunlin" --threads 1 "$@"
    fi
}

start_three() {
    local port lines

    port=$(free_ports 3)
    cluster_up=yes
    DUNLIN_SERVER=$dunlin "${on_server_cpus[@]}" "$bench/../cluster" up --nodes 3 --port "$port" \
        --dir "$scratch/three" --threads 1 -- "$@" >"$scratch/three.log" 2>&1 || {
        cat "$scratch/three.log" >&2
        fail "three nodes did not come up"
    }
    lines=$("$bench/../cluster" pids --dir "$scratch/three")
    pids_of[three]=$(awk '{ printf "%s ", $2 }' <<<"$lines")
    ports_of[three]=$port
    [ "$spread" = no ] || ports_of[three]=$(awk '{ printf "%s ", $3 }' <<<"$lines")
}

node_pid() {
    "$bench/../cluster" pids --dir "$scratch/three" | awk -v node="$1" '$1 == node { print $2 }'
}

# fill: every key, so that each GET finds one.
fill() {
    local port=${ports_of[$1]%% *} answer bytes=${2:-$value_bytes} ttl=${3:-0}

    progress "filling $1"
    answer=$("${pin_clients[@]}" && timeout "$client_timeout_s" "$bench_fill" --keys "$keys" \
        --value "$bytes" --ttl "$ttl" "$port" 2>&1) || fail "filling $1: $answer"
    [ "$(redis-cli -p "$port" strlen "$(printf 'key:%012d' $((keys - 1)))" </dev/null)" = \
        "$bytes" ] || fail "$1 does not hold what was written to it"
}
