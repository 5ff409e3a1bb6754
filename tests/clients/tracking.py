# SPDX-License-Identifier: BSD-3-Clause
#
# Client-side caching as its clients do it: one connection of RESP3 that reads and is told, and the
# two of RESP2, of which one is told what the other has read. redis-py 4.3 has none of it, so what
# goes over the wire stands here; redis-py changes the keys through the other nodes.
import socket

import redis

from story import ask, expect, ports, until


class Wire:
    """A connection; `replies` and `pushes` are what came and was not taken yet."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")
        self.pushes = []

    def read(self):
        line = self.file.readline()
        assert line.endswith(b"\r\n"), "the connection has ended"
        kind, rest = line[:1], line[1:-2]
        if kind in b"+:":
            return rest.decode()
        if kind == b"-":
            raise AssertionError(rest)
        if kind == b"_" or rest == b"-1":
            return None
        if kind in b"$=":
            return self.file.read(int(rest) + 2)[:-2].decode()
        count = int(rest) * (2 if kind == b"%" else 1)
        return (kind.decode(), [self.read() for _ in range(count)])

    def ask(self, *words):
        for word in (b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words)):
            self.socket.sendall(word)
        while True:
            reply = self.read()
            if not (isinstance(reply, tuple) and reply[0] == ">"):
                return reply
            self.pushes.append(reply[1])

    def told(self):
        """The next push."""
        while not self.pushes:
            reply = self.read()
            assert isinstance(reply, tuple), reply
            self.pushes.append(reply[1])
        return self.pushes.pop(0)


def told_of(wire, key):
    """Waits for a push that names the key, or all; other keys may be told again."""
    until(lambda: wire.told()[-1] in (None, ("*", [key])))


others = [redis.Redis(host="127.0.0.1", port=port, decode_responses=True) for port in ports]
reader = Wire(ports[0])
reader.ask("HELLO", "3")
expect(reader.ask("CLIENT", "TRACKING", "ON"), "OK")

# Whatever node the change goes through, and whichever nodes have the key.
for i in range(20):
    key = f"tracked:{i}"
    others[1].set(key, "old")
    until(lambda: reader.ask("GET", key) == "old")
    reader.pushes.clear()
    others[i % len(others)].set(key, "new")
    told_of(reader, key)
    until(lambda: reader.ask("GET", key) == "new")

others[2].set("short", "lived", px=100)
until(lambda: reader.ask("GET", "short") == "lived")
told_of(reader, "short")
until(lambda: reader.ask("GET", "short") is None)

reader.ask("GET", "tracked:1")
others[1].flushall()
until(lambda: reader.told()[-1] is None)
expect(reader.ask("GET", "tracked:1"), None)

# The two connections of RESP2.
listener = Wire(ports[0])
number = listener.ask("CLIENT", "ID")
expect(listener.ask("SUBSCRIBE", "__redis__:invalidate")[1][0], "subscribe")
asker = Wire(ports[0])
expect(asker.ask("CLIENT", "TRACKING", "ON", "REDIRECT", number, "BCAST", "PREFIX", "cache:"), "OK")
expect(asker.ask("CLIENT", "GETREDIR"), number)
others[2].set("other:1", "x")
others[2].set("cache:1", "x")
expect(listener.read()[1], ["message", "__redis__:invalidate", ("*", ["cache:1"])])

# A node that is killed told nothing of what it would have: whoever has read forgets all.
reader.ask("GET", "tracked:2")
reader.pushes.clear()
ask("kill 3")
until(lambda: reader.told()[-1] is None)
ask("start 3")
until(lambda: others[0].set("tracked:3", "back"))
until(lambda: reader.ask("GET", "tracked:3") == "back")
