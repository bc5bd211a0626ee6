// Prints what npm's semver says of the ranges and versions read as JSON from standard input.
// Run by `go test -run TestGolden -update`; NPM_SEMVER is the directory of the semver package.
'use strict'
const semver = require(process.env.NPM_SEMVER)
const { ranges, versions } = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const out = ranges.map(range => {
  if (semver.validRange(range) === null) return { range, invalid: true }
  const matches = versions.map((v, i) => semver.satisfies(v, range) ? i : -1).filter(i => i >= 0)
  const max = semver.maxSatisfying(versions, range)
  return { range, matches, max: max === null ? '' : max }
})
process.stdout.write(JSON.stringify({ semver: require(process.env.NPM_SEMVER + '/package.json').version, versions, ranges: out }))
