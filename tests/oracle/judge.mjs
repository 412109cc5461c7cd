// Judges requests with the simulator's own engine, without its input validation. Run in a folder that has the packages of install.sh:
//   node judge.mjs FOLDER < cases.ndjson
// A case: {"policy": <document>, "requests": [{"action", "resource", "context": {key: [values]}}]}; one line of verdicts a case:
// a = allow, d = explicit deny, i = implicit deny, e = error.
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

const account = '111122223333'
const principal = `arn:aws:iam::${account}:role/app`
const simulationParameters = { simulationMode: 'Strict', discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([]) }
const letters = { Allowed: 'a', ExplicitlyDenied: 'd', ImplicitlyDenied: 'i' }

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { policy, requests } = JSON.parse(line)
  const identityPolicies = [loadPolicy(policy, { name: 'p' })]
  let verdicts = ''
  for (const { action, resource, context } of requests) {
    // A key with one value is a single-valued key.
    const values = Object.fromEntries(Object.entries(context).map(([key, all]) => [key, all.length === 1 ? all[0] : all]))
    try {
      const request = new AwsRequestImpl(principal, { resource, accountId: account }, action, new RequestContextImpl(values))
      request.wildcardOnlyAction = resource === '*'
      verdicts += letters[
        authorize({
          request,
          identityPolicies,
          sessionPolicy: undefined,
          serviceControlPolicies: [],
          resourceControlPolicies: [],
          resourcePolicy: undefined,
          permissionBoundaries: undefined,
          vpcEndpointPolicies: undefined,
          simulationParameters,
          serviceSettings: { s3: { blockPublicAccess: undefined } },
        }).result
      ]
    } catch (error) {
      process.stderr.write(`${error}\n`)
      verdicts += 'e'
    }
  }
  process.stdout.write(`${verdicts}\n`)
}
