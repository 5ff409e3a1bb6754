// SPDX-License-Identifier: BSD-3-Clause
//
// ioredis' client for Redis Cluster: it finds all nodes from one, sends each key to its node, and goes
// on when one of them has ended.
'use strict'

const {Cluster} = require('ioredis')
const {ask, expect, ports, run, until} = require('./story.js')

const KEYS = 300

run(async () => {
    const client = new Cluster([{host: '127.0.0.1', port: ports[0]}], {
        clusterRetryStrategy: () => 50,
        redisOptions: {maxRetriesPerRequest: 1},
    })
    client.on('error', () => {})

    await until(() => client.nodes('master').length === ports.length)
    expect(
        client
            .nodes('master')
            .map((node) => node.options.port)
            .sort(),
        [...ports].sort(),
    )
    for (let i = 0; i < KEYS; i++) expect(await client.set(`key:${i}`, i), 'OK')
    for (let i = 0; i < KEYS; i++) expect(await client.get(`key:${i}`), String(i))

    const pipeline = client.pipeline() // of one slot, as it demands
    for (let i = 0; i < 100; i++) pipeline.set(`{slot}:${i}`, i)
    for (let i = 0; i < 100; i++) pipeline.get(`{slot}:${i}`)
    const results = await pipeline.exec()
    expect(results[0], [null, 'OK'])
    expect(results[199], [null, '99'])

    client.defineCommand('most', {
        numberOfKeys: 2,
        lua: "local a, b = redis.call('get', KEYS[1]), redis.call('get', KEYS[2]); return math.max(a, b)",
    })
    expect(await client.most('{slot}:7', '{slot}:9'), 9)

    // Each node answers for the whole cluster, until its connection has asked for the slots: then for
    // its own keys, to be added up.
    const masters = client.nodes('master')
    const all = KEYS + 100
    for (const node of masters) await until(async () => (await node.dbsize()) === all)
    for (const node of masters) await node.cluster('SLOTS')
    const sizes = await Promise.all(masters.map((node) => node.dbsize()))
    expect(
        sizes.reduce((sum, size) => sum + size),
        all,
    )
    const found = [[], []]
    for (const node of masters) {
        found[0].push(...(await node.keys('key:*')))
        for await (const keys of node.scanStream({match: 'key:*', count: 50})) found[1].push(...keys)
    }
    const names = Array.from({length: KEYS}, (_, i) => `key:${i}`).sort()
    expect(found[0].sort(), names)
    expect(found[1].sort(), names)

    await ask('kill 2')
    for (let i = 0; i < KEYS; i++)
        await until(async () => (await client.get(`key:${i}`)) === String(i))
    await until(async () => (await client.set('key:1', 'one')) === 'OK')
    await ask('start 2')
    for (let i = 2; i < KEYS; i++)
        await until(async () => (await client.get(`key:${i}`)) === String(i))
    client.disconnect()
})
