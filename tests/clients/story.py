# SPDX-License-Identifier: BSD-3-Clause
#
# What the programs in Python share: the ports that they were given, and what tests/clients/clients.c
# does for them.
import sys
import time

ports = [int(port) for port in sys.argv[1:]]


def ask(what):
    """Has the test kill or start a node, and waits until it has."""
    print(what, flush=True)
    assert sys.stdin.readline() == "done\n", what


def until(holds, seconds=20):
    """Waits until a function returns something true, whatever it raises until then."""
    end = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
            failure = "not yet"
        except Exception as error:
            failure = error
        assert time.monotonic() < end, failure
        time.sleep(0.02)


def expect(is_, should_be):
    assert is_ == should_be, f"{is_!r} and not {should_be!r}"
