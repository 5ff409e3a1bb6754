# SPDX-License-Identifier: BSD-3-Clause
#
# redis-py's client for Redis Cluster: it finds all nodes from one, sends each key to its node, and
# goes on when one of them has ended.
import logging

from redis.cluster import ClusterNode, RedisCluster

from story import ask, expect, ports, until

KEYS = 300

logging.disable()  # it tells each failure that it deals with

client = RedisCluster(
    startup_nodes=[ClusterNode("127.0.0.1", ports[0])], decode_responses=True, socket_timeout=5
)

expect({node.port for node in client.get_primaries()}, set(ports))
expect(client.ping(target_nodes=RedisCluster.ALL_NODES), True)
owners = {client.get_node_from_key(f"key:{i}").port for i in range(KEYS)}
expect(owners, set(ports))

for i in range(KEYS):
    expect(client.set(f"key:{i}", i), True)
for i in range(KEYS):
    expect(client.get(f"key:{i}"), str(i))
expect(client.mset_nonatomic({"key:1": "1", "key:2": "2"}), [True] * 2)
expect(client.mget_nonatomic("key:1", "key:2"), ["1", "2"])
expect(client.exists("key:1", "key:2"), 2)

pipeline = client.pipeline()
for i in range(KEYS):
    pipeline.get(f"key:{i}")
expect(pipeline.execute(), [str(i) for i in range(KEYS)])

# Each node answers for the whole cluster: what is asked of one is right, and what is asked of all
# comes once from each.
names = [f"key:{i}" for i in range(KEYS)]
until(lambda: client.dbsize() == KEYS)
expect(sorted(client.keys("key:*")), sorted(names))
expect(set(client.scan_iter("key:*", count=50)), set(names))

# On connections that have asked for the slots, each answers for its own.
client.execute_command("CLUSTER SLOTS", target_nodes=RedisCluster.PRIMARIES)
expect(sum(client.dbsize(target_nodes=node) for node in client.get_primaries()), KEYS)
expect(sorted(client.scan_iter("key:*", count=50)), sorted(names))

# The last one that it asks for slots: where an earlier one ends, this version of redis-py (4.3.4, of
# Debian 12) trips over itself, "cannot pickle '_thread.lock' object", before it asks the next.
last = list(client.nodes_manager.startup_nodes.values())[-1].port
node = ports.index(last) + 1
ask(f"kill {node}")
for i in range(KEYS):
    until(lambda: client.get(f"key:{i}") == str(i))
expect(client.set("key:1", "one"), True)
ask(f"start {node}")
for i in range(2, KEYS):
    until(lambda: client.get(f"key:{i}") == str(i))
