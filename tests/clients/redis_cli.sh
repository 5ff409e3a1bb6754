#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# redis-cli as people and scripts use it: arguments, input, RESP3, --pipe, -c, and the tools for
# clusters.
set -eu

port=$1

cli() {
    redis-cli -p "$port" "$@"
}

# expect TEXT COMMAND ...: the command prints just that.
expect() {
    local text=$1 output
    shift
    output=$("$@" </dev/null)
    [ "$output" = "$text" ] || {
        printf "'%s' prints '%s', not '%s'\n" "$*" "$output" "$text" >&2
        exit 1
    }
}

# shows PATTERN COMMAND ...: what it prints matches.
shows() {
    local pattern=$1 output
    shift
    output=$("$@" 2>&1 </dev/null) || true
    [[ $output =~ $pattern ]] || {
        printf "'%s' prints '%s', which does not match '%s'\n" "$*" "$output" "$pattern" >&2
        exit 1
    }
}

expect PONG cli PING
expect OK cli SET key value EX 1000
expect value cli GET key
expect '"value"' cli --no-raw GET key
expect 'value' cli -3 GET key
expect '{"maxmemory-policy":"noeviction"}' cli -3 --json CONFIG GET maxmemory-policy
expect 'ERR unknown command '\''NONSENSE'\'', with args beginning with: ' cli NONSENSE
expect value cli -c GET key
expect value cli -u "redis://127.0.0.1:$port/0" GET key
[ "$(printf 'SET a 1\nINCR a\nGET a\n' | cli | tr '\n' ' ')" = 'OK 2 2 ' ]
[ "$(printf 'piped' | cli -x SET piped)" = OK ]
expect piped cli GET piped
[ "$(printf 'MULTI\nSET b 1\nINCR b\nEXEC\nDEL b\n' | cli | tr '\n' ' ')" = 'OK QUEUED QUEUED OK 2 1 ' ]

expect 3 cli EVAL 'return redis.call("incrby", KEYS[1], ARGV[1])' 1 a 1
printf 'return {KEYS[1], ARGV[1], #ARGV}' >"${TMPDIR:-/tmp}/script.$$.lua"
[ "$(cli --eval "${TMPDIR:-/tmp}/script.$$.lua" a , b c </dev/null | tr '\n' ' ')" = 'a b 2 ' ]
rm "${TMPDIR:-/tmp}/script.$$.lua"

for i in $(seq 1000); do
    printf '*3\r\n$3\r\nSET\r\n$%d\r\nmany:%d\r\n$1\r\nx\r\n' $((5 + ${#i})) "$i"
done | cli --pipe | grep -q 'errors: 0, replies: 1000'

expect 1000 bash -c "redis-cli -p $port --scan --pattern 'many:*' | sort -u | wc -l"
expect 1003 cli DBSIZE
shows 'All 16384 slots covered' redis-cli --cluster check "127.0.0.1:$port"
shows '\[OK\] 1003 keys in 3 masters' redis-cli --cluster info "127.0.0.1:$port"
shows 'get.*summary.*Answer the value' cli COMMAND DOCS get

# What people look at a node with.
shows 'keys +mem +clients blocked requests' stdbuf -oL timeout 3 redis-cli -p "$port" --stat -i 0.1
shows '^[0-9]+ [0-9]+ [0-9.]+ [0-9]+' cli --latency
shows 'Biggest string found' cli --bigkeys
shows 'Biggest string found' cli --memkeys
expect 32 cli MEMORY USAGE a
expect -1 cli CLIENT GETREDIR
expect default cli ACL WHOAMI
expect 'ERR SWAPDB is not allowed in cluster mode' cli SWAPDB 0 1
shows 'DEBUG command not allowed' cli DEBUG SLEEP 0

# All that any worker's clients run is shown, however many workers there are.
watched=$(mktemp)
redis-cli -p "$port" MONITOR >"$watched" &
monitor=$!
until grep -q OK "$watched"; do sleep 0.05; done
for i in $(seq 20); do
    expect OK cli SET "watched:$i" x
done
until [ "$(grep -c '"SET" "watched:' "$watched")" = 20 ]; do sleep 0.05; done
kill "$monitor"
wait "$monitor" || true
rm "$watched"

expect OK cli CONFIG SET slowlog-log-slower-than 0
expect slow cli ECHO slow
shows 'ECHO' cli SLOWLOG GET 1
expect OK cli CONFIG SET slowlog-log-slower-than 10000

expect OK cli CLIENT PAUSE 100000 WRITE
expect value cli GET key
redis-cli -p "$port" SET paused x >/dev/null &
setter=$!
expect '' cli GET paused
expect OK cli CLIENT UNPAUSE
wait "$setter"
expect x cli GET paused

echo 'kill 1'
read -r _
shows 'Connection refused' cli PING
other=$2
[ "$(redis-cli -p "$other" GET key)" = value ]
echo 'start 1'
read -r _
expect PONG cli PING
