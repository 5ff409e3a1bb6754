# SPDX-License-Identifier: BSD-3-Clause
#
# redis-py, a plain client: what it sends to get going, pipelines, errors, and a node that ends under
# it and comes back.
import redis

from story import ask, expect, ports, until

client = redis.Redis(host="127.0.0.1", port=ports[0], client_name="story", decode_responses=True)

expect(client.ping(), True)
expect(client.client_getname(), "story")
assert client.info()["redis_version"]
assert client.info("server")["tcp_port"] == ports[0]
assert client.client_list()[0]["addr"]
assert client.client_id() > 0
expect(client.config_get("maxmemory-policy").keys(), {"maxmemory-policy"})
assert client.command_count() > 50
assert "get" in client.command()
expect(len(client.time()), 2)

expect(client.set("text", "value", ex=1000), True)
expect(client.get("text"), "value")
assert 990 <= client.ttl("text") <= 1000
expect(client.set("text", "other", nx=True), None)
expect(client.set("text", "other", get=True), "value")
expect(client.getdel("text"), "other")
expect(client.get("text"), None)
expect(client.exists("text", "text"), 0)
expect(client.incr("counter", 5), 5)
expect(client.decr("counter"), 4)
expect(client.incrbyfloat("counter", 0.5), 4.5)
expect(client.append("log", "ab"), 2)
expect(client.setrange("log", 1, "xy"), 3)
expect(client.getrange("log", 0, -1), "axy")
expect(client.mset({"one": 1, "two": 2}), True)
expect(client.mget("one", "none", "two"), ["1", None, "2"])
expect(client.delete("one", "two", "none"), 2)
expect(client.expire("log", 100), True)
expect(client.persist("log"), True)
expect(client.type("log"), "string")

raw = redis.Redis(host="127.0.0.1", port=ports[0])
expect(raw.restore("copy", 0, raw.dump("log")), b"OK")
expect(client.get("copy"), "axy")

try:
    client.incr("log")
    assert False, "INCR of a text is refused"
except redis.ResponseError as error:
    expect(str(error), "value is not an integer or out of range")

pipeline = client.pipeline(transaction=False)
for i in range(1000):
    pipeline.set(f"pipelined:{i}", i)
for i in range(1000):
    pipeline.get(f"pipelined:{i}")
expect(pipeline.execute(), [True] * 1000 + [str(i) for i in range(1000)])

expect(client.pipeline().set("moved", 1).incr("moved").expire("moved", 100).execute(), [True, 2, True])
with client.pipeline() as watching:
    watching.watch("moved")
    client.set("moved", "by another")
    watching.multi()
    watching.set("moved", "by this one")
    try:
        watching.execute()
        assert False, "what was watched has changed"
    except redis.WatchError:
        pass
expect(client.get("moved"), "by another")
expect(client.transaction(lambda pipe: pipe.multi() or pipe.set("moved", "now"), "moved"), [True])

# A lock as caching layers give it back, by its SHA-1 from the second call on; and a script in a transaction.
give_back = client.register_script(
    "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end")
expect(client.set("lock", "mine", nx=True, px=100000), True)
expect(give_back(keys=["lock"], args=["other"]), 0)
expect(give_back(keys=["lock"], args=["mine"]), 1)
expect(client.script_exists(give_back.sha), [True])
piped = client.pipeline()
give_back(keys=["lock"], args=["mine"], client=piped)
expect(piped.incr("scripted").execute(), [0, 1])
with client.lock("redis-py", timeout=100):
    assert client.exists("redis-py")
expect(client.exists("redis-py"), 0)
try:
    client.eval("return redis.call('incr', KEYS[1])", 1, "log")
    assert False, "INCR of a text is refused"
except redis.ResponseError as error:
    assert str(error).startswith("value is not an integer or out of range script: "), error

expect(client.dbsize(), len(set(client.scan_iter(count=100))))
expect(set(client.scan_iter("pipelined:1?")), {f"pipelined:{i}" for i in range(10, 20)})
expect(set(client.keys("pipelined:1?")), {f"pipelined:{i}" for i in range(10, 20)})
assert client.randomkey()

# Listens through one node to what is published through another.
other = redis.Redis(host="127.0.0.1", port=ports[1], decode_responses=True)
listener = client.pubsub(ignore_subscribe_messages=True)
listener.subscribe("news")
listener.psubscribe("n*")


def heard():
    """What the listener was told since, once there is something."""
    messages = []
    until(lambda: messages.append(listener.get_message(timeout=0.1)) or messages[-1])
    while messages[-1]:
        messages.append(listener.get_message(timeout=0.1))
    return [(message["type"], message["data"]) for message in messages if message]


# Two nodes' links: until they are there, and what was subscribed to was read.
until(lambda: other.pubsub_numsub("news") == [("news", 1)] and other.pubsub_numpat() == 1)
expect(listener.get_message(timeout=0.1), None)
expect(other.publish("news", "hello"), 2)
expect(sorted(heard()), [("message", "hello"), ("pmessage", "hello")])
pipeline = other.pipeline(transaction=False)
for i in range(1000):
    pipeline.publish("numbers", i)
expect(pipeline.execute(), [1] * 1000)
numbers = []
until(lambda: numbers.extend(heard()) or len(numbers) == 1000)
expect(numbers, [("pmessage", str(i)) for i in range(1000)])
expect(other.pubsub_channels(), ["news"])
listener.unsubscribe("news")
until(lambda: listener.get_message(timeout=0.1) is None and other.pubsub_channels() == [])
expect(other.pipeline().set("told", 1).publish("news", "within").execute(), [True, 1])
expect(heard(), [("pmessage", "within")])

ask("kill 1")
try:
    client.get("log")
    assert False, "the connection has ended"
except redis.ConnectionError:
    pass
ask("start 1")
until(lambda: client.get("log") == "axy")
expect(client.get("pipelined:7"), "7")

# The listener was on that node as well: it comes back, and subscribes again.
again = []


def hears_again():
    try:
        again.append(listener.get_message(timeout=0.05))
    except redis.ConnectionError:
        listener.connection.connect()
    other.publish("news", "again")
    return any(message and message["data"] == "again" for message in again)


until(hears_again)
