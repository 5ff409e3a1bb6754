# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What `cluster` and the bench share on top of lib.sh. To be sourced by bash:
#
#   fail TEXT ...   says what is wrong, and ends the script with 1
#   out_of_tree     ends the script where the tree cannot be built out of tree
#   build_server    builds dunlin-server out of tree, and sets `server` to it
#   ports_in_use    prints the ports that are taken on the loopback address

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh" || exit 1

fail() {
    say "$@"
    exit 1
}

out_of_tree() {
    [ ! -e "$root/config.status" ] ||
        fail "the tree is configured in place, which keeps it from being built elsewhere; run:" \
            "make -C $root distclean"
}

# Installs what the build takes, then configures and builds in build/cluster, each only when it has
# to be done.
build_server() {
    local folder=$root/build/cluster
    local log=$folder/build.log

    # shellcheck disable=SC2086,SC2154 # a list of words; lib.sh sets it
    need_packages $build_packages || exit 1
    out_of_tree
    mkdir -p "$folder" || exit 1
    echo "Building in $folder"
    (
        bootstrap && cd "$folder" && { [ -f Makefile ] || "$root/configure"; } && make -j"$(nproc)"
    ) >"$log" 2>&1 </dev/null || {
        tail -n 15 "$log" >&2
        fail "the build failed; all of it is in $log"
    }
    # shellcheck disable=SC2034 # for the caller
    server=$folder/dunlin-server
}

# A line for each port, from what the kernel lists: connecting would miss UDP, and ss may not be
# installed. In /proc/net addresses stand in hexadecimal; a TCP socket that listens has state 0A, a
# UDP socket takes its port in any state.
ports_in_use() {
    local table local_address rest state

    for table in tcp tcp6 udp udp6; do
        [ -r "/proc/net/$table" ] || continue
        while read -r _ local_address rest; do
            state=${rest#* }
            case $table:${state%% *} in
            tcp*:0A | udp*) ;;
            *) continue ;;
            esac
            case ${local_address%:*} in
            00000000 | 0100007F | 00000000000000000000000000000000 | \
                0000000000000000FFFF00000100007F) printf '%d\n' "0x${local_address##*:}" ;;
            esac
        done < <(tail -n +2 "/proc/net/$table")
    done
}
