#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Every mutant of the simulator is found by a checker.
exec ./dunlin-sim --mutants
