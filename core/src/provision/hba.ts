/** What pg_hba.conf says of a login, as the server has read it. */
import { z } from 'zod'

/** A rule that fits the database, the role and the kind of connection, in the order of the file. */
export const Rule = z.object({
  line: z.number(),
  method: z.string(),
  /** null: whether the address fits cannot be told from here. */
  fits: z.boolean().nullable(),
})

export interface Verdict {
  readonly allowed: boolean
  /** Of the first rule that fits: `scram-sha-256`, `reject`. Absent: no rule fits. */
  readonly method?: string
  readonly line?: number
}

/**
 * A JSON array of rules, null where there are mistakes in the file. Uses the values `name`, `role` and `from`. The server
 * compares the addresses itself.
 */
export const loginSql = `(SELECT CASE WHEN bool_or(error NOT LIKE '%cannot match%') THEN NULL ELSE coalesce(json_agg(json_build_object(
    'line', line_number, 'method', auth_method, 'fits', CASE
      WHEN isnear IS false THEN false
      WHEN isuser AND isdatabase THEN isnear END) ORDER BY line_number) FILTER (WHERE iskind AND maybeuser AND maybedatabase), '[]'::json) END
  FROM (SELECT *,
    type IN ('host', 'hostnossl') OR type = 'hostssl' AND current_setting('ssl') = 'on' AS iskind,
    user_name && ARRAY['all', :'role'] AS isuser,
    user_name && ARRAY['all', :'role'] OR user_name::text ~ '[/+@]' AS maybeuser,
    database && ARRAY['all', :'name'] OR 'sameuser' = ANY (database) AND :'name' = :'role' AS isdatabase,
    database && ARRAY['all', :'name', 'samerole'] OR 'sameuser' = ANY (database) AND :'name' = :'role'
      OR database::text ~ '[/+@]' AS maybedatabase,
    CASE
      WHEN address = 'all' THEN true
      WHEN address !~ '^[0-9a-fA-F:.]+$' THEN NULL
      WHEN family(address::inet) <> family(:'from'::inet) THEN false
      ELSE address::inet & netmask::inet = :'from'::inet & netmask::inet END AS isnear
    FROM pg_hba_file_rules) rules)`

/** The first that fits decides. @returns undefined when that cannot be told */
export function verdictOf(rules: readonly z.infer<typeof Rule>[]): Verdict | undefined {
  const rule = rules.find(({ fits }) => fits !== false)
  if (rule === undefined) return { allowed: false }
  if (rule.fits === null) return undefined
  return { allowed: rule.method !== 'reject', method: rule.method, line: rule.line }
}
