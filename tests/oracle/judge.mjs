// Judges requests with the simulator's own engine, without its input validation. Run in a folder that has the packages of install.sh:
//   node judge.mjs FOLDER < cases.ndjson
// A case: {"principal", "identity": [document], "boundary": [document]?, "session": document?, "scps": [[document]], "rcps": [[document]],
// "resource": document?, "requests": [{"action", "resource", "owner", "context": {key: [values]}}]}; a resource of `*` is an action
// without a resource level. One line of verdicts a case: a = allow, d = explicit deny, i = implicit deny, e = error.
import path from 'node:path'
import readline from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const require = createRequire(path.join(process.argv[2], 'package.json'))
const engine = path.dirname(require.resolve('@cloud-copilot/iam-simulate')).replace('/cjs', '/esm')
const load = (file) => import(pathToFileURL(file).href)
const { authorize } = await load(`${engine}/core_engine/CoreSimulatorEngine.js`)
const { AwsRequestImpl } = await load(`${engine}/request/request.js`)
const { RequestContextImpl } = await load(`${engine}/requestContext.js`)
const { DiscoveryContextKeyConstraints } = await load(`${engine}/context_keys/discoveryContextKeyConstraints.js`)
const { loadPolicy } = require('@cloud-copilot/iam-policy')

const simulationParameters = { simulationMode: 'Strict', discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([]) }
const letters = { Allowed: 'a', ExplicitlyDenied: 'd', ImplicitlyDenied: 'i' }
const one = (document) => (document ? loadPolicy(document, { name: 'p' }) : undefined)
const all = (documents) => (documents ? documents.map(one) : undefined)
const levels = (levels) => (levels ?? []).map((documents, number) => ({ orgIdentifier: `level-${number}`, policies: all(documents) }))

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { principal, identity, boundary, session, scps, rcps, resource: attached, requests } = JSON.parse(line)
  const setup = {
    identityPolicies: all(identity) ?? [],
    sessionPolicy: one(session),
    serviceControlPolicies: levels(scps),
    resourceControlPolicies: levels(rcps),
    resourcePolicy: one(attached),
    permissionBoundaries: all(boundary),
    vpcEndpointPolicies: undefined,
    simulationParameters,
    serviceSettings: { s3: { blockPublicAccess: undefined } },
  }
  let verdicts = ''
  for (const { action, resource, owner, context } of requests) {
    // A key with one value is a single-valued key, unless its name says otherwise.
    const single = ([key, all]) => [key, all.length === 1 && !key.endsWith('TagKeys') ? all[0] : all]
    const values = Object.fromEntries(Object.entries(context ?? {}).map(single))
    try {
      const request = new AwsRequestImpl(principal, { resource, accountId: owner }, action, new RequestContextImpl(values))
      request.wildcardOnlyAction = resource === '*'
      verdicts += letters[authorize({ ...setup, request }).result]
    } catch (error) {
      process.stderr.write(`${error}\n`)
      verdicts += 'e'
    }
  }
  process.stdout.write(`${verdicts}\n`)
}
