# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# The loads of the bench, and the samples that they leave (report.awk). To be sourced by `run`, for
# the lines.
#
#   duel LINE ROUND COMMAND PIPELINE SERVER [REQUESTS]
#                                   redis-benchmark against `redis` and SERVER, in an order that
#                                   changes from round to round: two "run" samples
#   sample LINE SIDE SERVER COMMAND PIPELINE ROUND [REQUESTS]
#                                   one of them; SIDE is redis or dunlin
#   measure SERVER COMMAND PIPELINE REQUESTS
#                                   the same without a sample: sets measured to CPU us/op, ops/s,
#                                   p50, p99 and p99.9 in ms, and notes how disturbed the machine was
#   value LINE ROW ROUND VALUE [BASE]
#                                   what a line measured by itself, beside redis' or another base
#   state_begin, state_end [NS]     around what such a line measures: how disturbed the machine was
#                                   meanwhile. NS: the CPU time of the servers; without it, that of
#                                   all servers that run
#   paced NAME [--seconds S] PORT.. bench_pace; paced_ended NAME prints its line
#   rotated ROUND WORD...           the words, a line each, begun a place later each round
#
# COMMAND is GET, SET, INCR, EVALSHA (of COMPARE_AND_DELETE, as `delete_sha`), or MGET (of MGET_KEYS keys, of which each counts as an operation). A line may
# set, as local variables, `connections`, the keys `drawn` from, and `clients_on`, a CPU for each client.
# There is a redis-benchmark for each of the server's ports.
#
# shellcheck disable=SC2154 # `run` sets the variables

readonly MGET_KEYS=10
# shellcheck disable=SC2034 # lines/updates uses it
readonly COMPARE_AND_DELETE="if redis.call('get',KEYS[1]) ~= ARGV[1] then return \
redis.call('del',KEYS[1]) else return 0 end"
declare -rA requests_of=([1]=200000 [16]=1000000 [64]=2000000)

rotated() {
    local by=$(($1 % ($# - 1)))

    shift
    printf '%s\n' "${@:by+1}" "${@:1:by}"
}

value() {
    printf 'value %s\n' "$*" >>"$scratch/samples"
}

# load NAME COMMAND PIPELINE REQUESTS: leaves redis-benchmark's output in client.*.
load() {
    local name=$1 command=$2 pipeline=$3 count=$4 port clients at=0 failed=0
    local -a words=("$command" key:__rand_int__) ports running=() on

    case $command in
    SET) words+=("$value") ;;
    INCR) words=(INCR number:__rand_int__) ;;
    EVALSHA) words=(EVALSHA "$delete_sha" 1 key:__rand_int__ none) ;;
    MGET) for ((at = 1; at < MGET_KEYS; at++)); do words+=(key:__rand_int__); done ;;
    esac
    at=0
    read -ra ports <<<"${ports_of[$name]}"
    clients=${#ports[@]}
    for port in "${ports[@]}"; do
        on=()
        [ -z "${clients_on[at]:-}" ] || on=(taskset -c "${clients_on[at]}")
        "${on[@]}" timeout "$client_timeout_s" redis-benchmark -p "$port" -r "$drawn" \
            -n $((count / clients)) -c $(((connections + at) / clients)) -P "$pipeline" \
            "${words[@]}" >"$scratch/client.$at" 2>"$scratch/errors.$at" </dev/null &
        running+=("$!")
        at=$((at + 1))
    done
    for at in "${!running[@]}"; do
        wait "${running[at]}" || {
            cat "$scratch/errors.$at" >&2
            tr '\r' '\n' <"$scratch/client.$at" | tail -n 3 >&2
            failed=1
        }
    done
    return $failed
}

# The same on the clients' CPU.
pinned_load() {
    "${pin_clients[@]}" && load "$@"
}

measure() {
    local name=$1 command=$2 pipeline=$3 count=$4 operations=1 cpu_before cpu_after client_s
    local -a pids before after

    [ "$command" != MGET ] || operations=$MGET_KEYS
    read -ra pids <<<"${pids_of[$name]}"
    read -ra before < <(machine_ticks)
    cpu_before=$(cpu_ns "${pids[@]}") || fail "$name ended by itself"
    timed "$scratch/time" pinned_load "$name" "$command" "$pipeline" "$count" 2>"$scratch/load" || {
        cat "$scratch/load" >&2
        fail "the load on $name failed: $command, pipeline $pipeline"
    }
    cpu_after=$(cpu_ns "${pids[@]}") || fail "$name ended by itself"
    read -ra after < <(machine_ticks)
    client_s=$(awk '{ print $1 + $2 }' "$scratch/time")
    read -ra measured < <(awk -v count="$count" -v operations="$operations" \
        -v server_ns="$((cpu_after - cpu_before))" -v client_s="$client_s" \
        -v all="$((after[0] - before[0]))" -v busy="$((after[1] - before[1]))" \
        -v steal="$((after[2] - before[2]))" -v ticks="$ticks_per_s" \
        -f "$bench/client.awk" "$scratch"/client.[0-9]*)
    printf 'state %s %s\n' "${measured[@]:5}" >>"$scratch/samples"
    rm -f "$scratch"/client.[0-9]*
}

sample() {
    local line=$1 side=$2 name=$3 command=$4 pipeline=$5 round=$6
    local -a measured

    progress "round $round of $rounds: $line, $command, pipeline $pipeline, $name"
    measure "$name" "$command" "$pipeline" $((${7:-${requests_of[$5]}} / divide))
    printf 'run %s\n' "$line $side $command $pipeline $round ${measured[*]:0:5}" \
        >>"$scratch/samples"
}

duel() {
    local line=$1 round=$2 command=$3 pipeline=$4 server=$5 side

    for side in $(rotated "$round" redis dunlin); do
        if [ "$side" = redis ]; then
            sample "$line" redis redis "$command" "$pipeline" "$round" "${@:6}"
        else
            sample "$line" dunlin "$server" "$command" "$pipeline" "$round" "${@:6}"
        fi
    done
}

state_begin() {
    read -ra state_before < <(machine_ticks)
    state_own=$(own_ticks)
    # shellcheck disable=SC2048,SC2086 # lists of processes
    state_ns=$(cpu_ns ${pids_of[*]})
}

state_end() {
    local server_ns own=$(($(own_ticks) - state_own))
    local -a after

    read -ra after < <(machine_ticks)
    # shellcheck disable=SC2048,SC2086 # lists of processes
    server_ns=${1:-$(($(cpu_ns ${pids_of[*]}) - state_ns))}
    awk -v all=$((after[0] - state_before[0])) -v busy=$((after[1] - state_before[1] - own)) \
        -v steal=$((after[2] - state_before[2])) -v server_ns="$server_ns" \
        -v ticks="$ticks_per_s" '
        BEGIN {
            others = busy - server_ns / 1e9 * ticks
            if (all)
                printf "state %.4f %.4f\n", steal / all, (others > 0 ? others / all : 0)
        }' >>"$scratch/samples"
}

paced() {
    local name=$1

    shift
    # The shell's place is taken, so that a signal reaches it.
    "${pin_clients[@]}" && exec timeout "$client_timeout_s" "$bench_pace" --keys "$keys" \
        --rate "$pace" "$@" >"$scratch/pace.$name"
}

# Replies that are missing or wrong end the bench.
paced_ended() {
    local -a fields

    read -ra fields <"$scratch/pace.$1" || fail "the load $1 failed"
    [ "${fields[4]} ${fields[5]}" = "0 0" ] ||
        fail "load $1: ${fields[4]} errors and ${fields[5]} misses in ${fields[0]} replies"
    printf '%s\n' "${fields[*]}"
}
