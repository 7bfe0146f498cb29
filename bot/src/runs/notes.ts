/**
 * Progress and log lines. They are many and may be lost for half a second at a crash, so they are written
 * in batches: a write that waits for the disk costs milliseconds in which nothing else happens.
 */
import type { Clock, Progress, RunLogLine } from '@homelab/core'
import { type Database, isBusy, isFull } from './database.ts'
import { cleanText, packJson, unpackJson } from './json.ts'

const keptLines = 2_000
const maxLineLength = 4_000
const flushMs = 500

export interface Notes {
  log(run: string, text: string): void
  report(run: string, progress: Progress): void
  progress(run: string): Progress | undefined
  /** The last lines, oldest first. */
  lines(run: string, limit: number): readonly RunLogLine[]
  close(): void
}

interface Pending {
  readonly lines: RunLogLine[]
  progress?: Progress
}

export function openNotes(db: Database, clock: Clock, onError: (error: unknown) => void): Notes {
  const pending = new Map<string, Pending>()
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const of = (run: string): Pending => {
    const known = pending.get(run)
    if (known) return known
    const fresh: Pending = { lines: [] }
    pending.set(run, fresh)
    return fresh
  }

  const write = (run: string, notes: Pending) => {
    if (notes.lines.length > 0) {
      let seq =
        db.get<{ last: number }>('SELECT coalesce(max(seq), 0) AS last FROM lines WHERE run = ?', run)
          ?.last ?? 0
      for (const { at, text } of notes.lines) {
        seq += 1
        db.run('INSERT INTO lines (run, seq, at, text) VALUES (?, ?, ?, ?)', run, seq, at, text)
      }
      db.run('DELETE FROM lines WHERE run = ? AND seq <= ?', run, seq - keptLines)
    }
    if (notes.progress) {
      const value = packJson(notes.progress, 'The progress')
      db.run('INSERT OR REPLACE INTO progress (run, value) VALUES (?, ?)', run, value)
    }
  }

  const flush = () => {
    timer = undefined
    if (pending.size === 0) return
    try {
      db.write(() => {
        for (const [run, notes] of pending) write(run, notes)
      })
      pending.clear()
    } catch (error) {
      if (!isBusy(error) && !isFull(error)) return onError(error)
      later()
    }
  }
  const later = () => {
    if (!closed) timer ??= setTimeout(flush, flushMs).unref()
  }

  return {
    log(run, text) {
      const notes = of(run)
      notes.lines.push({ at: clock.now().toISOString(), text: cleanText(text).slice(0, maxLineLength) })
      // The disk may be full for hours.
      if (notes.lines.length > keptLines) notes.lines.shift()
      later()
    },
    report(run, progress) {
      of(run).progress = progress
      later()
    },
    progress(run) {
      const fresh = pending.get(run)?.progress
      if (fresh) return fresh
      const row = db.get<{ value: string }>('SELECT value FROM progress WHERE run = ?', run)
      return row && (unpackJson(row.value) as unknown as Progress)
    },
    lines(run, limit) {
      const rows = db.all<{ at: string; text: string }>(
        'SELECT at, text FROM lines WHERE run = ? ORDER BY seq DESC LIMIT ?',
        run,
        limit,
      )
      const saved = rows.reverse().map(({ at, text }) => ({ at, text }))
      return [...saved, ...(pending.get(run)?.lines ?? [])].slice(-limit)
    },
    close() {
      closed = true
      clearTimeout(timer)
      flush()
    },
  }
}
