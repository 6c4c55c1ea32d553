import { AttachGate, DEFAULT_ATTACH_GATE } from './attach/attach-gate.ts';
import { type MoveReason, Moves } from './attach/moves.ts';
import type { AttachAttempt } from './attach-check.ts';
import { type ControlContext, type ControlOutput, send } from './control-context.ts';

/** How many may come at once, how loaded this supernode is, and who is asked to go elsewhere. */
export class ControlAttaches {
  readonly #context: ControlContext;
  readonly #gate: AttachGate;
  /** Attaches whose turn to be checked has not come. */
  readonly #waiting = new Map<number, AttachAttempt>();
  readonly #moves = new Moves();

  constructor(context: ControlContext) {
    this.#context = context;
    this.#gate = new AttachGate(context.options.attachGate ?? DEFAULT_ATTACH_GATE, 0);
  }

  get waiting(): number {
    return this.#gate.waiting;
  }

  /** How much of what it can carry this supernode does, 0 to 1: what softphones choose by. */
  get load(): number {
    return Math.min(1, Math.max(this.#lastingLoad, this.#gate.level));
  }

  /** Not counting a crowd that will soon be through. */
  get #lastingLoad(): number {
    const { attachments, options } = this.#context;
    return Math.max(attachments.size / options.maxAttachments, options.load?.() ?? 0);
  }

  /** Checks now, later, or says when to come again. */
  handleAttach(
    connection: number,
    attempt: AttachAttempt,
    nowMs: number,
  ): ControlOutput[] | { retryAfterMs: number } {
    const turn = this.#gate.handleAttach(connection, nowMs);
    if (turn === 'now') return [{ kind: 'check-attach', connection, attempt }];
    if (turn !== 'waits') return turn;
    this.#waiting.set(connection, attempt);
    return [];
  }

  handleDisconnect(connection: number): void {
    this.#gate.handleDisconnect(connection);
    this.#waiting.delete(connection);
  }

  /** Those whose turn it is. */
  handleTimeout(nowMs: number): ControlOutput[] {
    return this.#gate.due(nowMs).map((connection) => {
      const attempt = this.#waiting.get(connection)!;
      this.#waiting.delete(connection);
      return { kind: 'check-attach', connection, attempt };
    });
  }

  get deadline(): number | null {
    return this.#gate.deadline;
  }

  /** Once a second: asks some to go when there are too many. */
  relieve(nowMs: number): ControlOutput[] {
    const { byConnection } = this.#context.attachments;
    const asked = this.#moves.relieve(this.#lastingLoad, byConnection, nowMs);
    return asked.map(([connection, message]) => send(connection, message));
  }

  /** Asks everybody to go, once. */
  askEverybody(reason: MoveReason, nowMs: number): ControlOutput[] {
    const { byConnection } = this.#context.attachments;
    const asked = this.#moves.askEverybody(reason, byConnection.keys(), nowMs);
    return asked.map(([connection, message]) => send(connection, message));
  }

  /** They may stay after all. */
  stay(): void {
    this.#moves.stay();
  }

  /** Everybody was asked to go, and has had the time. */
  isPatienceOver(nowMs: number): boolean {
    return this.#moves.isPatienceOver(nowMs);
  }
}
