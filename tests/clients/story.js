// SPDX-License-Identifier: BSD-3-Clause
//
// What the programs in JavaScript share: the ports that they were given, and what
// tests/clients/clients.c does for them.
'use strict'

const assert = require('node:assert')
const readline = require('node:readline')

const ports = process.argv.slice(2).map(Number)
const answers = readline.createInterface({input: process.stdin})[Symbol.asyncIterator]()

// Has the test kill or start a node, and waits until it has.
async function ask(what) {
    process.stdout.write(what + '\n')
    assert.strictEqual((await answers.next()).value, 'done', what)
}

// Waits until a function returns something true, whatever it throws until then.
async function until(holds, seconds = 20) {
    const end = Date.now() + seconds * 1000
    for (;;) {
        let failure = new Error('not yet')
        try {
            if (await holds()) return
        } catch (error) {
            failure = error
        }
        if (Date.now() > end) throw failure
        await new Promise((resolve) => setTimeout(resolve, 20))
    }
}

function run(story) {
    story().then(
        () => process.exit(0),
        (error) => {
            console.error(error)
            process.exit(1)
        },
    )
}

module.exports = {ask, expect: assert.deepStrictEqual, ports, run, until}
