#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# scripts/cluster, as a stranger uses it: the walk of README.md, each call, each wrong use.
# DUNLIN_SERVER names the server to run (make check sets it); without it `cluster up` builds one.
# Nothing waits for time to pass: each case waits for what it is about.
set -u

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd) || exit 1
# shellcheck source=tests/lib/cases.sh
. "$top/tests/lib/cases.sh" || exit 1
state=$scratch/state
holder= # a process of this script's own

cleanup() {
    "$top/scripts/cluster" down --dir "$state" >/dev/null 2>&1
    [ -z "$holder" ] || kill "$holder" 2>/dev/null
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# cluster WORD...: sets result and output (standard output and error together).
cluster() {
    output=$("$top/scripts/cluster" --dir "$state" "$@" </dev/null 2>&1)
    result=$?
}

# client NODE WORD...
client() {
    local node=$1

    shift
    timeout 5 redis-cli -p $((port + node - 1)) "$@" </dev/null 2>&1
}

# expect NAME WANTED GOT
expect() {
    [ "$2" = "$3" ] && return
    printf '%s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
    story_failed=yes
}

# expect_like NAME PATTERN GOT
expect_like() {
    # shellcheck disable=SC2053 # a pattern
    [[ $3 == $2 ]] && return
    printf '%s: wanted "%s", got "%s"\n' "$1" "$2" "$3"
    story_failed=yes
}

# story FUNCTION: false when one of its expectations was not met.
story() {
    story_failed=no
    "$1"
    [ "$story_failed" = no ]
}

# pid_of NODE, by `pids`
pid_of() {
    "$top/scripts/cluster" --dir "$state" pids | awk -v node="$1" '$1 == node { print $2 }'
}

# state_of NODE, by `status`
state_of() {
    "$top/scripts/cluster" --dir "$state" status | awk -v node="$1" '$1 == node { print $2 }'
}

# Whether every port that K nodes would use from P on is free: nobody answers there.
ports_free() {
    local at used

    used=$(awk 'FNR > 1 { sub(/.*:/, "", $2); print $2 }' /proc/net/tcp /proc/net/tcp6 \
        /proc/net/udp /proc/net/udp6 2>/dev/null)
    for ((at = $1; at < $1 + 3; at++)); do
        ! grep -qx -e "$(printf '%04X' "$at")" -e "$(printf '%04X' $((at + 10000)))" <<<"$used" ||
            return 1
    done
}

# ------------------------------------------------------------------------------------ the stories

nothing_there() {
    cluster status
    expect "status, exit" 1 "$result"
    expect_like "status" "*there is no cluster in $state*" "$output"
    cluster kill 1
    expect "kill, exit" 1 "$result"
    cluster down
    expect "down, exit" 0 "$result"
}

wrong_uses() {
    local words
    local -a each=(
        'dance|there is no call "dance"'
        'up --nodes 0|--nodes must be a number from 1 to 16, not "0"'
        'up --nodes 17|--nodes must be a number from 1 to 16, not "17"'
        'up --nodes three|--nodes must be a number from 1 to 16, not "three"'
        'up --port 0|--port must be a number'
        'up --port 60000|--port must be a number'
        'up --port 55535|goes past 55535'
        'up --threads -1|--threads must be a number'
        'up --nodes|--nodes needs a value'
        'up --colour|unknown option --colour'
        'up 3|up takes no "3"'
        'up -- --Port 5|--Port is not for every node alike'
        'up -- maxmemory|a directive after -- starts with --'
        'stop|stop needs the number of a node'
        'status --nodes 3|--nodes goes with up'
        'kill 1 -- --maxmemory 1gb|server directives go with up'
        'stop 1 -f|-f goes with logs'
        'kill 1 --wait 5|--wait goes with start and up'
        'start 1 --wait long|--wait must be a number'
    )

    for words in "${each[@]}"; do
        # shellcheck disable=SC2086 # a list of words
        cluster ${words%%|*}
        expect "${words%%|*}, exit" 2 "$result"
        expect_like "${words%%|*}" "*${words#*|}*" "$output"
    done
    [ ! -e "$state" ] || expect "a wrong use leaves nothing" "" "$(ls -A "$state")"
}

help_says_all() {
    local word

    cluster --help
    expect "exit" 0 "$result"
    for word in up down status start stop kill pause resume logs pids --nodes --port --dir --threads --wait all; do
        expect_like "$word" "*$word*" "$output"
    done
}

port_in_use() {
    # A node of our own is the stranger who holds the port of node 2.
    mkdir -p "$scratch/holder"
    cluster up --nodes 1 --port $((port + 1))
    expect "the holder is up" 0 "$result"
    output=$("$top/scripts/cluster" up --dir "$scratch/other" --port "$port" </dev/null 2>&1)
    expect "exit" 1 $?
    expect_like "which port" "*port $((port + 1)), of node 2, is in use; nothing was started*" "$output"
    [ ! -e "$scratch/other" ] || expect "nothing is left" "" "$(ls -A "$scratch/other")"
    cluster down
    expect "down" 0 "$result"
}

foreign_folder() {
    mkdir -p "$scratch/home"
    : >"$scratch/home/letter"
    output=$("$top/scripts/cluster" up --dir "$scratch/home" --port "$port" </dev/null 2>&1)
    expect "exit" 1 $?
    expect_like "refused" "*holds other files*" "$output"
    expect "untouched" letter "$(ls -A "$scratch/home")"
}

server_refuses() {
    cluster up --port "$port" -- --no-such-directive 1
    expect "exit" 1 "$result"
    expect_like "says which node" "*node ? ended by itself*no-such-directive*" "$output"
    expect "nothing runs" "" "$("$top/scripts/cluster" --dir "$state" pids)"
    cluster down
    expect "down" 0 "$result"
    [ ! -e "$state" ] || expect "nothing is left" gone there
}

walk_up() {
    # With standard input closed, as under some supervisors.
    output=$("$top/scripts/cluster" up --dir "$state" --port "$port" --threads 1 <&- 2>&1)
    result=$?
    expect "up, exit" 0 "$result"
    [ "$result" -eq 0 ] || printf '%s\n' "$output"
    expect_like "up says how to use it" "*redis-cli -p $port set greeting hello*" "$output"
    expect "set" OK "$(client 1 set greeting hello)"
    expect "get" hello "$(client 3 get greeting)"
}

walk_table() {
    cluster status
    expect "nodes running, in a whole ring" 3 "$(grep -c ' running .* ok  *3$' <<<"$output")"
    cluster pids
    expect "pids" 3 "$(grep -cE '^[1-3] [0-9]+ [0-9]+$' <<<"$output")"
    expect_like "client ports" "1 * $port*2 * $((port + 1))*3 * $((port + 2))" "$output"
}

up_twice() {
    local before

    before=$("$top/scripts/cluster" --dir "$state" pids)
    cluster up
    expect "exit" 1 "$result"
    expect_like "says so" "*is up already*" "$output"
    cluster up --nodes 5
    expect "another number of nodes, exit" 1 "$result"
    expect_like "another number of nodes" "*has 3 nodes, not 5*" "$output"
    expect "same processes" "$before" "$("$top/scripts/cluster" --dir "$state" pids)"
}

wrong_nodes() {
    cluster kill 4
    expect "kill 4, exit" 2 "$result"
    expect_like "kill 4" '*must be a number from 1 to 3, not "4"*' "$output"
    cluster start 1
    expect "start a running one, exit" 1 "$result"
    expect_like "start a running one" "*node 1 is running*" "$output"
    cluster resume 1
    expect "resume a running one, exit" 1 "$result"
    cluster stop 1 1
    expect "one node twice, exit" 2 "$result"
}

walk_kill() {
    local pid

    pid=$(pid_of 2)
    cluster kill 2
    expect "kill, exit" 0 "$result"
    [ ! -e "/proc/$pid" ] || grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" ||
        expect "process $pid" gone there
    expect "state" down "$(state_of 2)"
    expect "set" OK "$(client 1 set greeting again)"
    expect "get" again "$(client 3 get greeting)"
    cluster kill 2
    expect "kill again, exit" 1 "$result"
    expect_like "kill again" "*node 2 is not running*" "$output"
}

# Stands in for redis-cli: node 2 says for the first K times that it has not recovered.
stand_in() {
    mkdir -p "$scratch/bin"
    cat >"$scratch/bin/redis-cli" <<TEXT
#!/bin/bash
case "\$*" in
*"-p $((port + 1)) RING STATUS"*)
    read -r left <"$scratch/left"
    printf 'this node: 1234 127.0.0.1:7002\\n'
    if ((left > 0)); then
        echo \$((left - 1)) >"$scratch/left"
        echo "node 2: 1234 (this node) 127.0.0.1:7002 zone '' weight 100, alive, does not vote:" \\
            "it restarted and has not recovered, partitions 3 primary 3 in all"
        [ -z "\$(cat "$scratch/told")" ] || cat "$scratch/told"
    else
        echo "node 2: 1234 (this node) 127.0.0.1:7002 zone '' weight 100, alive, votes," \\
            "partitions 3 primary 3 in all"
        echo "recovery: done"
    fi
    ;;
*) exec $(command -v redis-cli) "\$@" ;;
esac
TEXT
    chmod +x "$scratch/bin/redis-cli"
    echo "$1" >"$scratch/left"
    printf '%s\n' "$2" >"$scratch/told"
}

start_waits() {
    stand_in 3 "recovery: 3 of 1024 partitions, 2 s left"
    PATH=$scratch/bin:$PATH cluster start 2
    expect "exit" 0 "$result"
    expect_like "it tells how far it is" \
        "Node 2 is up on *Node 2, * s: 3 of 1024 partitions, 2 s left*Node 2 votes. Recovery: done." "$output"
    cluster kill 2
}

start_gives_up() {
    stand_in 1000 ""
    PATH=$scratch/bin:$PATH cluster start 2 --wait 1
    expect "exit" 1 "$result"
    expect_like "it tells why" \
        "*node 2 runs, but does not vote after 1 s: it restarted and has not recovered; see:*" \
        "$output"
    expect "it runs on" running "$(state_of 2)"
    cluster kill 2
}

all_at_once() {
    cluster start all --wait 0
    expect "start all, exit" 0 "$result"
    expect_like "start all" "Node 2 is up on *" "$output"
    cluster start all
    expect "start all again, exit" 0 "$result"
    expect "start all again" "There is no node to start." "$output"
    cluster pause all
    expect "pause all" "Paused nodes 1 2 3." "$output"
    cluster resume all
    expect "resume all" "Resumed nodes 1 2 3." "$output"
    cluster kill 2
}

start_again() {
    cluster start 2 --wait 60
    expect "exit" 0 "$result"
    expect_like "it votes" "*Node 2 votes.*" "$output"
    expect "state" running "$(state_of 2)"
    expect "it answers" PONG "$(client 2 ping)"
    expect "any node serves" again "$(client 2 get greeting)"
}

pause_resume() {
    cluster pause 3
    expect "pause, exit" 0 "$result"
    expect "state" paused "$(state_of 3)"
    cluster pause 3
    expect "pause again, exit" 1 "$result"
    cluster resume 3
    expect "resume, exit" 0 "$result"
    expect "state after" running "$(state_of 3)"
    expect "it answers" PONG "$(client 3 ping)"
}

stop_paused() {
    cluster pause 3
    cluster stop 3
    expect "stop, exit" 0 "$result"
    expect "state" down "$(state_of 3)"
    cluster start 3 --wait 0
    expect "start, exit" 0 "$result"
}

died_by_itself() {
    kill -KILL "$(pid_of 2)"
    for _ in {1..200}; do
        [ "$(state_of 2)" != running ] || sleep 0.01
    done
    expect "state" died "$(state_of 2)"
    cluster stop 2
    expect "stop, exit" 1 "$result"
    expect_like "stop" "*ended by itself*logs 2*" "$output"
    cluster start 2 --wait 0
    expect "start, exit" 0 "$result"
}

pid_reused() {
    local noted

    noted=$(cat "$state/node-2.pid")
    # The same pid with another start time is another process: this shell, to be sure of a live one.
    printf '%s 1\n' "$$" >"$state/node-2.pid"
    expect "not ours" died "$(state_of 2)"
    cluster kill 2
    expect "kill, exit" 1 "$result"
    printf '%s\n' "$noted" >"$state/node-2.pid"
    expect "ours again" running "$(state_of 2)"
}

logs_told() {
    cluster logs 1
    expect "exit" 0 "$result"
    expect "what the file holds" "$(cat "$state/node-1.log")" "$output"
    cluster logs 1 2
    expect "two nodes, exit" 2 "$result"
    "$top/scripts/cluster" --dir "$state" logs 1 -f >"$scratch/followed" &
    holder=$!
    until [ "$(wc -c <"$scratch/followed")" -ge "$(wc -c <"$state/node-1.log")" ]; do
        kill -0 "$holder" 2>/dev/null || break
    done
    kill "$holder" 2>/dev/null || expect "logs -f" follows ended
    wait "$holder" 2>/dev/null
    holder=
}

stopped_up_again() {
    cluster stop all
    expect "stop, exit" 0 "$result"
    expect "nothing runs" "" "$("$top/scripts/cluster" --dir "$state" pids)"
    cluster up --wait 60
    expect "up, exit" 0 "$result"
    [ "$result" -eq 0 ] || printf '%s\n' "$output"
    expect_like "they vote" "*Node 3 votes.*" "$output"
    expect "nodes that run" 3 "$("$top/scripts/cluster" --dir "$state" pids | wc -l)"
    expect "each answers" "PONG PONG PONG" "$(client 1 ping) $(client 2 ping) $(client 3 ping)"
}

walk_down() {
    local pids pid

    pids=$("$top/scripts/cluster" --dir "$state" pids | awk '{ print $2 }')
    cluster down
    expect "exit" 0 "$result"
    for pid in $pids; do
        [ ! -e "/proc/$pid" ] || grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" ||
            expect "process $pid" gone there
    done
    [ ! -e "$state" ] || expect "the folder" gone there
    cluster down
    expect "down again, exit" 0 "$result"
}

one_node() {
    cluster up --nodes 1 --port "$port"
    expect "up, exit" 0 "$result"
    expect "set" OK "$(client 1 set greeting alone)"
    expect "get" alone "$(client 1 get greeting)"
    : >"$state/letter"
    cluster down
    expect "down, exit" 0 "$result"
    expect "a file of somebody else's stays" letter "$(ls -A "$state")"
    rm -f "$state/letter"
}

# ---------------------------------------------------------------------------------------- the run

# Below 32768, bus ports too: from there on the kernel takes ports for outgoing connections.
port=$((12001 + RANDOM % 10000))
until ports_free "$port"; do port=$((12001 + RANDOM % 10000)); done

succeeds "with no cluster, calls say so" story nothing_there
succeeds "a wrong use is told apart and changes nothing" story wrong_uses
succeeds "--help names every call and option" story help_says_all
succeeds "a port in use is named, and nothing is started" story port_in_use
succeeds "a folder with other files is refused" story foreign_folder
succeeds "a server that refuses to start is shown" story server_refuses
succeeds "up: three nodes, one cache" story walk_up
succeeds "status and pids tell them" story walk_table
succeeds "up twice is refused" story up_twice
succeeds "wrong nodes are refused" story wrong_nodes
succeeds "a node is killed, the others go on" story walk_kill
succeeds "start waits until the node votes" story start_waits
succeeds "start gives up on a node that does not vote" story start_gives_up
succeeds "all nodes can be meant" story all_at_once
succeeds "a killed node starts again" story start_again
succeeds "a paused node is resumed" story pause_resume
succeeds "a paused node can be stopped" story stop_paused
succeeds "a node that ended by itself is told" story died_by_itself
succeeds "a pid that was given to another process is left alone" story pid_reused
succeeds "logs are shown and followed" story logs_told
succeeds "up starts stopped nodes again" story stopped_up_again
succeeds "down ends all and leaves nothing" story walk_down
succeeds "one node alone" story one_node

close_cases
