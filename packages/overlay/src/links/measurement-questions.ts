import type { LinkMessage } from '@overcall/wire';
import { type Rate, TokenBucket } from '../token-bucket.ts';
import type { Membership } from './membership.ts';

/** An answer waits for so long at the most. */
const QUESTION_TIMEOUT_MS = 1000;
/** Another supernode is told what is known by then. */
const MEASURE_TIMEOUT_MS = 600;
/** Supernodes that are asked because of one question. */
const MAX_ASKED = 8;
/** Questions and requests that wait; the next ones are answered at once with what is known. */
const MAX_WAITING = 256;
/** What one supernode may ask. */
const MEASURE_RATE: Rate = { perSecond: 5, burst: 30 };

export type QuestionOutput =
  | { kind: 'link'; to: string; message: LinkMessage }
  /** Links by their places in the question: from, to, round trip in ms, loss in percent. */
  | { kind: 'answer'; connection: number; id: number; links: [number, number, number, number][] };

interface Question {
  connection: number;
  id: number;
  supernodes: readonly string[];
  /** Who has not answered yet. */
  asked: Set<string>;
  untilMs: number;
}

interface Measuring {
  from: string;
  id: number;
  to: readonly string[];
  untilMs: number;
}

/**
 * Answers softphones that ask for the links between some supernodes: from the rows that are known, and for the rest by asking those
 * supernodes, who measure what they do not know. With many supernodes nobody knows every link, and few links are ever asked for.
 */
export class MeasurementQuestions {
  readonly #self: string;
  readonly #membership: Membership;
  readonly #questions: Question[] = [];
  readonly #measuring: Measuring[] = [];
  readonly #buckets = new Map<string, TokenBucket>();
  #lastId = 0;

  constructor(self: string, membership: Membership) {
    this.#self = self;
    this.#membership = membership;
  }

  get waiting(): number {
    return this.#questions.length + this.#measuring.length;
  }

  /** From a softphone. */
  handleQuestion(
    connection: number,
    id: number,
    supernodes: readonly string[],
    nowMs: number,
  ): QuestionOutput[] {
    const asked = new Set(this.#questions.length < MAX_WAITING ? this.#whomToAsk(supernodes, nowMs) : []);
    const question = { connection, id, supernodes, asked, untilMs: nowMs + QUESTION_TIMEOUT_MS };
    if (asked.size === 0) return [this.#answer(question, nowMs)];
    this.#questions.push(question);
    return [...asked].flatMap((to) => this.#ask(to, supernodes, nowMs));
  }

  #ask(of: string, supernodes: readonly string[], nowMs: number): QuestionOutput[] {
    const to = supernodes.filter((other) => other !== of);
    if (of !== this.#self)
      return [{ kind: 'link', to: of, message: { t: 'measure', id: ++this.#lastId, to } }];
    this.#membership.prober.measureNow(
      to.filter((id) => !this.#membership.prober.isFresh(id, nowMs)),
      nowMs,
    );
    return [];
  }

  /** Few who know, or can find out, all links that are unknown; a link is known when one of its ends has measured it. */
  #whomToAsk(supernodes: readonly string[], nowMs: number): string[] {
    const { rows } = this.#membership;
    const unknown = new Map<string, Set<string>>(supernodes.map((id) => [id, new Set()]));
    for (const a of supernodes)
      for (const b of supernodes)
        if (a !== b && !rows.find(a, b, nowMs) && !rows.find(b, a, nowMs)) unknown.get(a)!.add(b);
    const asked: string[] = [];
    while (asked.length < MAX_ASKED) {
      let best: string | null = null;
      for (const [id, links] of unknown) {
        const most = best === null ? 0 : unknown.get(best)!.size;
        // This supernode itself is the nearest to ask.
        if (links.size > most || (links.size === most && most > 0 && id === this.#self)) best = id;
      }
      if (best === null) break;
      asked.push(best);
      for (const other of unknown.get(best)!) unknown.get(other)!.delete(best);
      unknown.get(best)!.clear();
    }
    return asked;
  }

  /** From another supernode: what have you measured to these? */
  handleMeasure(
    from: string,
    { id, to }: Extract<LinkMessage, { t: 'measure' }>,
    nowMs: number,
  ): QuestionOutput[] {
    const bucket = this.#buckets.get(from) ?? new TokenBucket(MEASURE_RATE, nowMs);
    this.#buckets.delete(from);
    this.#buckets.set(from, bucket);
    if (this.#buckets.size > 2 * MAX_WAITING) this.#buckets.delete(this.#buckets.keys().next().value!);
    if (!bucket.take(nowMs)) return [];
    const request = { from, id, to, untilMs: nowMs + MEASURE_TIMEOUT_MS };
    const { prober } = this.#membership;
    const missing = to.filter((other) => other !== this.#self && !prober.isFresh(other, nowMs));
    if (missing.length === 0 || this.#measuring.length >= MAX_WAITING)
      return [this.#measured(request, nowMs)];
    prober.measureNow(missing, nowMs);
    this.#measuring.push(request);
    return [];
  }

  #measured({ from, id, to }: Measuring, nowMs: number): QuestionOutput {
    const links = this.#membership.rows.ownRow(to, nowMs);
    return { kind: 'link', to: from, message: { t: 'measured', id, links } };
  }

  handleMeasured(
    from: string,
    { links }: Extract<LinkMessage, { t: 'measured' }>,
    nowMs: number,
  ): QuestionOutput[] {
    // Nobody who was not asked fills our tables.
    if (!this.#questions.some(({ asked }) => asked.has(from))) return [];
    this.#membership.rows.handleAnswer(from, links, nowMs);
    return this.#handleDone(from, nowMs);
  }

  /** The question did not reach it. */
  handleFailed(to: string, nowMs: number): QuestionOutput[] {
    return this.#handleDone(to, nowMs);
  }

  #handleDone(by: string, nowMs: number): QuestionOutput[] {
    for (const { asked } of this.#questions) asked.delete(by);
    return this.#takeAnswers(nowMs);
  }

  handleTimeout(nowMs: number): QuestionOutput[] {
    const { prober } = this.#membership;
    const outputs = this.#takeWhere(this.#measuring, ({ to, untilMs }) => {
      const isDone = to.every((id) => id === this.#self || prober.isFresh(id, nowMs));
      return isDone || nowMs >= untilMs;
    }).map((request) => this.#measured(request, nowMs));
    for (const { asked, supernodes } of this.#questions)
      if (supernodes.every((id) => id === this.#self || prober.isFresh(id, nowMs))) asked.delete(this.#self);
    return [...outputs, ...this.#takeAnswers(nowMs)];
  }

  #takeAnswers(nowMs: number): QuestionOutput[] {
    return this.#takeWhere(this.#questions, ({ asked, untilMs }) => asked.size === 0 || nowMs >= untilMs).map(
      (question) => this.#answer(question, nowMs),
    );
  }

  #takeWhere<T>(all: T[], fits: (one: T) => boolean): T[] {
    const taken = all.filter(fits);
    if (taken.length > 0) all.splice(0, all.length, ...all.filter((one) => !taken.includes(one)));
    return taken;
  }

  #answer({ connection, id, supernodes }: Question, nowMs: number): QuestionOutput {
    const links: [number, number, number, number][] = [];
    supernodes.forEach((of, from) => {
      supernodes.forEach((other, to) => {
        const found = from === to ? null : this.#membership.rows.find(of, other, nowMs);
        if (found) links.push([from, to, found.rttMs, found.lossPct]);
      });
    });
    return { kind: 'answer', connection, id, links };
  }

  /** While something waits, it is looked at often. */
  get nextDeadline(): number | null {
    const all = [...this.#questions, ...this.#measuring].map(({ untilMs }) => untilMs);
    return all.length === 0 ? null : Math.min(...all);
  }
}
