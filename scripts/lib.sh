# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
#
# What the scripts share. To be sourced by bash:
#
#   need_packages PACKAGE ...   installs with apt what is missing, and says so
#   build_packages              the packages that building dunlin-server takes
#   test_packages               what the tests take on top
#   perf_packages               what perf-gate takes on top of those
#   fuzz_packages               what the fuzzers take on top of the first
#   client_packages             what the tests with real clients take, without JavaScript
#   node_packages               what JavaScript takes, where there is no npm
#   bootstrap                   makes ./configure where there is none, or an old one
#   stage NAME COMMAND ...      runs COMMAND, prints how long it took, returns its status
#
# `root` is the top of the source tree.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

build_packages="gcc make autoconf automake pkg-config libc6-dev libevent-dev libmsgpack-dev
    libjemalloc-dev libssl-dev libxxhash-dev libhiredis-dev liblua5.1-0-dev
    lua-cjson-dev lua-bitop-dev"
test_packages="libcriterion-dev redis-tools binutils"
perf_packages="valgrind strace"
fuzz_packages="clang libclang-rt-14-dev"
client_packages="python3-redis"
node_packages="nodejs npm"

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# Installs the packages named that are not installed: as root, or else with sudo. Where neither can
# be, prints the line to run and fails. Asks nothing and reads no input.
need_packages() {
    local missing=() package as_root=()
    for package in "$@"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
            missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        say "needs the equivalent of these Debian packages: ${missing[*]}"
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        as_root=(sudo -n)
        if ! sudo -n true 2>/dev/null; then
            if [ -t 0 ] && command -v sudo >/dev/null; then
                as_root=(sudo)
            else
                say "needs packages; as root, run: apt-get install ${missing[*]}"
                return 1
            fi
        fi
    fi
    say "installs with apt: ${missing[*]}"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y
        -o DPkg::Lock::Timeout=300)
    local log
    log=$(mktemp)
    if ! { "${apt[@]}" update && "${apt[@]}" install --no-install-recommends "${missing[@]}"; } \
        >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        say "apt failed; to see for yourself: apt-get install ${missing[*]}"
        return 1
    fi
    rm -f "$log"
}

bootstrap() {
    if [ ! -e "$root/configure" ] || [ "$root/configure.ac" -nt "$root/configure" ] ||
        [ "$root/Makefile.am" -nt "$root/Makefile.in" ]; then
        (cd "$root" && autoreconf -fi)
    fi
}

# Runs a command under a name, then prints the name, the outcome and the time that it took.
stage() {
    local name=$1 begin=$EPOCHREALTIME status=0 outcome=ok
    shift
    printf '== %s\n' "$name"
    "$@" </dev/null || status=$?
    [ $status -eq 0 ] || outcome="FAILED ($status)"
    printf '== %s: %s, %s s\n\n' "$name" "$outcome" "$(seconds_since "$begin")"
    return $status
}

# Seconds with a tenth, since a value of EPOCHREALTIME.
seconds_since() {
    local then=${1/[.,]/} now=${EPOCHREALTIME/[.,]/}
    local tenths=$(((now - then) / 100000))
    printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}
