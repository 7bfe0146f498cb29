/** `npm run soak:backup [seed] [runs]`: 200 backups with faults at random moments. Exits 1 when anything was lost or wrongly called good. */
import { soakBackups } from '../faults/support/backup-soak.ts'

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
const runs = Number(process.argv[3] ?? 200)
const say = (text: string): void => void process.stdout.write(`${text}\n`)
say(`seed ${seed}`)
const report = await soakBackups({ runs, seed, say })
say(JSON.stringify(report, undefined, 2))
const wrong = [...report.lost, ...report.wronglyGood, ...report.left]
say(
  `seed ${seed}: ${report.runs} runs, ${report.proven} proven, ${report.lost.length} lost, ${report.wronglyGood.length} wrongly called good`,
)
for (const text of wrong) say(`WRONG ${text}`)
process.exitCode = wrong.length > 0 ? 1 : 0
