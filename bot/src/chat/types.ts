/** The platform-neutral middle: adapters hand commands in and show the cards that come out, and know nothing else. */
import type { Approvals, ButtonAction, Caller, Card, Completion, Json } from '@homelab/core'
import type { Runs } from '../runs/types.ts'

/** Where a command came from and where its card lives. */
export interface Place {
  /** `console`, `cli`, later `discord` and `slack`. */
  readonly surface: string
  /** The platform's own channel or session id. */
  readonly channel: string
  /** The platform's own id of the thread in it, where it was asked in one. */
  readonly thread?: string
}

export interface Command {
  readonly text: string
  readonly caller: Caller
  readonly place: Place
  /** The message's own id: the same message delivered twice is one command. Becomes the card's id. */
  readonly key: string
  /** Answered yes beforehand (`--yes` in a terminal): a confirmation is not asked for. */
  readonly confirmed?: boolean
  /** The answer is for the asker alone. */
  readonly private?: boolean
  /** The button that was pressed for it: a second press soon after, or while it still works, is the same command. */
  readonly pressed?: string
}

/** A card in its place. One command has one card, changed in place from acknowledgement to result. */
export interface Posted {
  /** The command's key. */
  readonly id: string
  readonly place: Place
  readonly caller: Caller
  readonly command: string
  /** As in the command. */
  readonly confirmed?: boolean
  readonly private?: boolean
  readonly pressed?: string
  /** Keys of further messages that turned out to be this command: second presses. */
  readonly also?: readonly string[]
  /** It is being done past the runs: a crash leaves it unclear. */
  readonly acting?: true
  /** When it was asked. */
  readonly at: string
  /** When it was done. */
  readonly doneAt?: string
  readonly run?: string
  /** Whose lines come beside it, where it is no run: `incident/k7f3`. */
  readonly log?: string
  readonly card: Card
  /** `asking`: waits for a confirmation; `done`: will not change any more. */
  readonly state: 'working' | 'asking' | 'done'
  /** The operation's output, when done and successful: what `--json` prints. */
  readonly output?: Json
  /** Set when done without success: an ErrorCode. */
  readonly error?: string
}

/** Every card that is shown, by id. Adapters subscribe to their surface; the last state is always delivered. */
export interface Board {
  get(id: string): Posted | undefined
  /** Newest last. From the store, so it has those of before a restart. */
  recent(place: Partial<Place>, limit: number): readonly Posted[]
  /** Called with every new and changed card of the surface. Returns how to stop. */
  subscribe(surface: string, listener: (posted: Posted) => void): () => void
}

export interface Desk {
  readonly board: Board
  /**
   * Takes a command and returns its acknowledgement at once (nothing is awaited: no network, no engine);
   * what follows comes through the board. The same key again returns the card as it is now.
   */
  submit(command: Command): Posted
  /** Whether the answer to this would be for the asker alone, known at once: help, refusals, mistyped commands. */
  isPrivate(text: string, caller: Caller): boolean
  /**
   * Shows a card that nobody asked for. The same id again changes it in place; `live` while it will change.
   * @param card.buttons only commands, approve and reject: nobody in particular is asked
   * @param log whose lines come beside it
   */
  tell(place: Place, id: string, card: Card, state?: 'live' | 'done', log?: string): Posted
  /**
   * A pressed button of the card. Confirm and decline belong to the person who was asked. A command that was pressed
   * just before is not begun again: its card is returned, whose id is not `key` then.
   * @throws HomelabError `denied`, `conflict`, `not-found`: for whoever pressed, and nobody else
   */
  press(cardId: string, action: ButtonAction, caller: Caller, key: string): Posted
  /** From memory, never a call. @param limit default 25 */
  complete(line: string, caller: Caller, limit?: number): readonly Completion[]
  /** What this caller typed before, newest first, each once. */
  history(caller: Caller, limit: number): readonly string[]
  /** Resolves when the card is done, or asks something. */
  settled(
    cardId: string,
    options?: { readonly asking?: boolean; readonly signal?: AbortSignal },
  ): Promise<Posted>
  /**
   * After a restart: takes up the cards of every run that is still going on, handles commands that were acknowledged
   * and not begun, and closes questions, whose answer would be for a state of before.
   */
  resume(): Promise<void>
  /** Resolves when every card shown so far is stored: what was acknowledged then survives a crash. */
  stored(): Promise<void>
  /** Absent where nothing stays to wait. */
  readonly approvals: Approvals | undefined
  /** Ends the waiting; what waits is taken up by the next start. */
  stop(): void
}

/** What the desk needs of runs: the durable ones of a bot, or those inside a terminal's own process. */
export type Runner = Pick<Runs, 'start' | 'watch'>
