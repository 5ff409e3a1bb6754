# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# What a file of lines/ says of its line. To be sourced by `run`.
#
#   line NAME TITLE                             there is such a line
#   columns NAME BASE OURS                      what its rows call their two columns, when not redis
#                                               and dunlin
#   row NAME ROW value|ratio|largest|least LABEL  a row; what of it is held against the budget
#   in_self_test NAME                           a second redis can stand in for Dunlin
#   quick_rounds NAME N                         with --quick it takes only N rounds: it is slow, and
#                                               its values hardly change
#
# shellcheck disable=SC2154,SC2034 # `run` sets and uses the variables

declare -A about of_self_test quick_rounds_of
declared=() # for report.awk
names=()    # of all lines, in the order of `budgets`; those without one come last

line() {
    about[$1]=$2
    declared+=("title $1 $2")
}

columns() {
    declared+=("columns $1 $2 $3")
}

row() {
    declared+=("row $1 $2 $3 $4")
}

in_self_test() {
    of_self_test[$1]=yes
}

quick_rounds() {
    quick_rounds_of[$1]=$2
}

# order_names: sets names.
order_names() {
    mapfile -t names < <(
        {
            sed '/^#/d; /^$/d; s/ .*//' "$bench/budgets"
            printf '%s\n' "${!about[@]}" | sort
        } | awk '!told[$1]++' | grep -xF "$(printf '%s\n' "${!about[@]}")"
    )
}
