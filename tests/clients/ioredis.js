// SPDX-License-Identifier: BSD-3-Clause
//
// ioredis, a plain client: it waits for INFO to say that nothing loads, pipelines, and comes back by
// itself to a node that ended under it.
'use strict'

const Redis = require('ioredis')
const {ask, expect, ports, run, until} = require('./story.js')

run(async () => {
    const client = new Redis({
        host: '127.0.0.1',
        port: ports[0],
        connectionName: 'story',
        retryStrategy: () => 50,
        maxRetriesPerRequest: null,
    })
    client.on('error', () => {}) // it says so each time that it cannot connect

    expect(await client.ping(), 'PONG')
    expect(await client.client('GETNAME'), 'story')
    expect(await client.set('text', 'value', 'EX', 1000, 'NX'), 'OK')
    expect(await client.set('text', 'other', 'NX'), null)
    expect(await client.get('text'), 'value')
    expect(await client.getBuffer('text'), Buffer.from('value'))
    expect(await client.incr('counter'), 1)
    expect(await client.mset({one: '1', two: '2'}), 'OK')
    expect(await client.mget('one', 'none', 'two'), ['1', null, '2'])
    expect(await client.del('one', 'two', 'none'), 2)
    await client.incr('text').then(
        () => expect('answered', 'refused'),
        (error) => expect(error.message, 'ERR value is not an integer or out of range'),
    )

    const pipeline = client.pipeline()
    for (let i = 0; i < 1000; i++) pipeline.set(`pipelined:${i}`, i)
    for (let i = 0; i < 1000; i++) pipeline.get(`pipelined:${i}`)
    const results = await pipeline.exec()
    expect(results.slice(0, 1000), Array(1000).fill([null, 'OK']))
    expect(
        results.slice(1000),
        Array.from({length: 1000}, (_, i) => [null, String(i)]),
    )

    expect(await client.multi().set('moved', 1).incr('moved').expire('moved', 100).exec(), [
        [null, 'OK'],
        [null, 2],
        [null, 1],
    ])
    await client.watch('moved')
    await client.duplicate().set('moved', 'by another')
    expect(await client.multi().set('moved', 'by this one').exec(), null)
    expect(await client.get('moved'), 'by another')

    // A lock as caching layers give it back: by its SHA-1, with its text where that is not known.
    client.defineCommand('giveBack', {
        numberOfKeys: 1,
        lua: "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0",
    })
    await client.set('lock', 'mine', 'PX', 100000)
    expect(await client.giveBack('lock', 'theirs'), 0)
    expect(await client.giveBack('lock', 'mine'), 1)
    expect(await client.exists('lock'), 0)
    expect(await client.multi().giveBack('lock', 'mine').set('lock', 'next').exec(), [
        [null, 0],
        [null, 'OK'],
    ])

    const found = new Set()
    for await (const keys of client.scanStream({match: 'pipelined:1?', count: 100}))
        for (const key of keys) found.add(key)
    expect(
        [...found].sort(),
        Array.from({length: 10}, (_, i) => `pipelined:1${i}`),
    )
    expect((await client.keys('pipelined:*')).length, 1000)

    // Listens through one node to what is published through another, also after that ended.
    const other = new Redis({host: '127.0.0.1', port: ports[1]})
    const listener = client.duplicate()
    listener.on('error', () => {})
    const heard = []
    listener.on('message', (channel, text) => heard.push([channel, text]))
    listener.on('pmessage', (pattern, channel, text) => heard.push([pattern, channel, text]))
    listener.on('smessage', (channel, text) => heard.push(['shard', channel, text]))
    expect(await listener.subscribe('news', 'more'), 2)
    expect(await listener.psubscribe('n*'), 3)
    expect(await listener.ssubscribe('news'), 1)
    await until(async () => (await other.pubsub('NUMSUB', 'news'))[1] === 1)
    expect(await other.publish('news', 'hello'), 2)
    expect(await other.spublish('news', 'shard'), 1)
    await until(() => heard.length === 3)
    expect(heard, [
        ['news', 'hello'],
        ['n*', 'news', 'hello'],
        ['shard', 'news', 'shard'],
    ])

    await ask('kill 1')
    const waiting = client.get('text') // is sent once it is connected again
    await ask('start 1')
    await until(async () => (await client.get('text')) === 'value')
    await waiting.catch(() => {}) // or it was refused, while too few nodes were linked
    await until(async () => (await other.publish('more', 'again')) === 1)
    await until(() => heard.some(([channel, text]) => channel === 'more' && text === 'again'))
    listener.disconnect()
    other.disconnect()
    await client.quit()
})
