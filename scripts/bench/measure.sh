# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What a process and the machine have used, from /proc. To be sourced by bash.

# cpu_ns PID...: CPU time of all threads of these processes so far, user and system, in ns. From the
# scheduler's own account, where the kernel keeps one; else from ticks of 10 ms. A thread that ends
# between two calls would be missed: these servers start theirs once.
cpu_ns() {
    local pid file ns sum=0 stat
    local -a fields

    for pid in "$@"; do
        if [ -r "/proc/$pid/schedstat" ]; then
            for file in /proc/"$pid"/task/*/schedstat; do
                read -r ns _ <"$file" && sum=$((sum + ns))
            done
        else
            read -r stat <"/proc/$pid/stat" || return 1
            read -ra fields <<<"${stat##*) }"
            sum=$((sum + (fields[11] + fields[12]) * (1000000000 / ticks_per_s)))
        fi
    done
    printf '%d\n' "$sum"
}

# rss_bytes PID...: resident bytes of these processes.
rss_bytes() {
    local pid name value sum=0

    for pid in "$@"; do
        while read -r name value _; do
            [ "$name" != Rss: ] || sum=$((sum + value * 1024))
        done <"/proc/$pid/smaps_rollup"
    done
    printf '%d\n' "$sum"
}

# timed FILE COMMAND [ARGUMENT...]: runs it in a process of its own; FILE is left with the CPU seconds, user and
# system, that it and its children took. (The braces are needed: without them bash 5.2 tells the time where a
# subshell's errors go.)
timed() {
    local TIMEFORMAT='%3U %3S'

    { time { ("${@:2}"); } 2>&3; } 3>&2 2>"$1"
}

# machine_ticks: the machine's ticks so far: all, those that a process ran, those stolen by the host.
machine_ticks() {
    local user nice system idle iowait irq softirq steal

    read -r _ user nice system idle iowait irq softirq steal _ </proc/stat
    printf '%d %d %d\n' $((user + nice + system + idle + iowait + irq + softirq + steal)) \
        $((user + nice + system + irq + softirq)) "$steal"
}

# own_ticks: the ticks that this shell and its children that ended have used so far.
own_ticks() {
    local stat
    local -a fields

    read -r stat <"/proc/$$/stat"
    read -ra fields <<<"${stat##*) }"
    printf '%d\n' $((fields[11] + fields[12] + fields[13] + fields[14]))
}

# allowed_cpus: the CPUs that this process may run on, a number a line.
allowed_cpus() {
    local list range

    list=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
    for range in ${list//,/ }; do
        seq "${range%-*}" "${range#*-}"
    done
}

ticks_per_s=$(getconf CLK_TCK)
