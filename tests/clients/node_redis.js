// SPDX-License-Identifier: BSD-3-Clause
//
// node-redis, a plain client: it says who it is with CLIENT SETINFO, pipelines what is called in one
// turn, and comes back by itself to a node that ended under it.
'use strict'

const {createClient} = require('redis')
const {ask, expect, ports, run, until} = require('./story.js')

run(async () => {
    const client = createClient({
        socket: {host: '127.0.0.1', port: ports[0], reconnectStrategy: 50},
        name: 'story',
    })
    client.on('error', () => {}) // it says so each time that it cannot connect
    await client.connect()

    expect(await client.ping(), 'PONG')
    expect(await client.clientGetName(), 'story')
    expect(await client.set('text', 'value', {EX: 1000, NX: true}), 'OK')
    expect(await client.set('text', 'other', {NX: true}), null)
    expect(await client.get('text'), 'value')
    expect(await client.mGet(['text', 'none']), ['value', null])
    expect(await client.del('none'), 0)
    const numbers = Array.from({length: 1000}, (_, i) => i)
    await Promise.all(numbers.map((i) => client.set(`pipelined:${i}`, String(i))))
    expect(
        await Promise.all(numbers.map((i) => client.get(`pipelined:${i}`))),
        numbers.map(String),
    )

    expect(await client.multi().set('moved', '1').incr('moved').expire('moved', 100).exec(), [
        'OK',
        2,
        true,
    ])

    // By its SHA-1, loaded through another node.
    const loader = createClient({socket: {host: '127.0.0.1', port: ports[1]}})
    await loader.connect()
    const sha = await loader.scriptLoad("return redis.call('incrby', KEYS[1], ARGV[1])")
    await loader.disconnect()
    expect(await client.evalSha(sha, {keys: ['scripted'], arguments: ['5']}), 5)
    expect(await client.eval("return {KEYS[1], ARGV[1]}", {keys: ['a'], arguments: ['b']}), ['a', 'b'])

    const found = new Set()
    for await (const key of client.scanIterator({MATCH: 'pipelined:*', COUNT: 100})) found.add(key)
    expect(found.size, 1000)

    // Listens through one node to what is published through another, also after that ended.
    const other = createClient({socket: {host: '127.0.0.1', port: ports[1]}})
    const listener = client.duplicate()
    listener.on('error', () => {})
    await other.connect()
    await listener.connect()
    const heard = []
    await listener.subscribe('news', (text, channel) => heard.push([channel, text]))
    await listener.pSubscribe('n*', (text, channel) => heard.push(['n*', channel, text]))
    await until(async () => (await other.pubSubNumSub('news')).news === 1)
    expect(await other.publish('news', 'hello'), 2)
    await until(() => heard.length === 2)
    expect(heard, [
        ['news', 'hello'],
        ['n*', 'news', 'hello'],
    ])
    await listener.pUnsubscribe('n*')

    await ask('kill 1')
    await ask('start 1')
    await until(async () => (await client.get('text')) === 'value')
    await until(async () => (await other.publish('news', 'again')) === 1)
    await until(() => heard.some(([channel, text]) => channel === 'news' && text === 'again'))
    await other.disconnect()
    await listener.disconnect()
    await client.quit()
})
