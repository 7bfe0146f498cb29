/** `npm run soak [seed]`: the long form of the storm in test/real/chat-storm.test.ts. Exits 1 when anything was lost or done twice. */
import { soak, soakText } from '../faults/support/chat-soak.ts'

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const report = await soak({ lives: 50, commandsPerLife: 26, reconnectsPerLife: 5, seed, say })
say(soakText(report))
say(`audit verify: ${JSON.stringify(report.audit)}`)
const wrong = [...report.lost, ...report.twice, ...report.spinning, ...report.untrue]
if (report.needlessLogins !== 0) wrong.push(`${report.needlessLogins} needless logins`)
for (const text of wrong) say(`WRONG ${text}`)
process.exitCode = wrong.length > 0 ? 1 : 0
