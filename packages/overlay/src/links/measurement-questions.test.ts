import type { LinkMessage } from '@overcall/wire';
import { describe, expect, it } from 'vitest';
import { idOf } from './links-world.test-support.ts';
import { MeasurementQuestions, type QuestionOutput } from './measurement-questions.ts';
import { Membership } from './membership.ts';

const ME = idOf(0);
const ids = (...indexes: number[]) => indexes.map(idOf);

/** One supernode that answers questions, on a virtual clock. */
function world() {
  let transactions = 0;
  const options = {
    supernode: ME,
    random: () => 0.5,
    randomBytes: (length: number) => {
      const bytes = new Uint8Array(length);
      new DataView(bytes.buffer).setUint32(0, ++transactions);
      return bytes;
    },
    isAlive: () => true,
    linked: () => [],
    dateMs: () => 0,
  };
  const membership = new Membership(options, 0);
  const questions = new MeasurementQuestions(ME, membership);
  /** Everybody answers STUN after 30 ms for each step of its number, while time passes. */
  const run = (fromMs: number, toMs: number): QuestionOutput[] => {
    const outputs: QuestionOutput[] = [];
    const answers: [number, string][] = [];
    for (let nowMs = fromMs; nowMs < toMs; nowMs += 10) {
      for (const [atMs, transaction] of answers)
        if (atMs === nowMs) membership.handleAnswer(transaction, nowMs);
      for (const output of membership.prober.handleTimeout(nowMs))
        if (output.kind === 'probe') answers.push([nowMs + 30 * Number(output.to), output.transaction]);
      outputs.push(...questions.handleTimeout(nowMs));
    }
    return outputs;
  };
  const row = (of: number, links: [number, number, number][]) =>
    membership.handleRow(
      idOf(of),
      {
        t: 'measurements',
        of: idOf(of),
        atMs: 0,
        links: links.map(([to, rtt, loss]) => [idOf(to), rtt, loss]),
      },
      0,
    );
  return { membership, questions, run, row };
}

const linkMessages = (outputs: QuestionOutput[]) =>
  outputs.flatMap((output) => (output.kind === 'link' ? [[output.to, output.message] as const] : []));
const measured = (links: [number, number, number][]): Extract<LinkMessage, { t: 'measured' }> => ({
  t: 'measured',
  id: 1,
  links: links.map(([to, rtt, loss]) => [idOf(to), rtt, loss]),
});

describe('a question of a softphone', () => {
  it('is answered at once when everything is known', () => {
    const { questions, row } = world();
    row(1, [
      [2, 20.5, 1],
      [3, 30, 0],
    ]);
    row(2, [
      [1, 21, 0],
      [3, 40, 0],
    ]);
    expect(questions.handleQuestion(9, 4, ids(1, 2, 3), 0)).toEqual([
      {
        kind: 'answer',
        connection: 9,
        id: 4,
        links: [
          [0, 1, 20.5, 1],
          [0, 2, 30, 0],
          [1, 0, 21, 0],
          [1, 2, 40, 0],
        ],
      },
    ]);
    expect(questions.waiting).toBe(0);
  });

  it('is passed on to few who can know the rest, and answered when they have answered', () => {
    const { questions, row } = world();
    row(1, [[2, 20, 0]]);
    const asked = linkMessages(questions.handleQuestion(9, 4, ids(1, 2, 3), 0));
    expect(asked).toMatchObject([[idOf(3), { t: 'measure', to: ids(1, 2) }]]);
    expect(questions.handleMeasured(idOf(5), measured([[1, 1, 0]]), 50)).toEqual([]);
    expect(
      questions.handleMeasured(
        idOf(3),
        measured([
          [1, 33, 2],
          [2, 44, 0],
        ]),
        100,
      ),
    ).toMatchObject([
      {
        kind: 'answer',
        id: 4,
        links: [
          [0, 1, 20, 0],
          [2, 0, 33, 2],
          [2, 1, 44, 0],
        ],
      },
    ]);
  });

  it('is answered with what is known when they do not answer, or are not there', () => {
    const { questions, row, run } = world();
    row(1, [[2, 20, 0]]);
    questions.handleQuestion(9, 4, ids(1, 2, 3), 0);
    expect(run(0, 1000)).toEqual([]);
    expect(run(1000, 1010)).toMatchObject([{ kind: 'answer', links: [[0, 1, 20, 0]] }]);
    questions.handleQuestion(9, 5, ids(1, 2, 3), 2000);
    expect(questions.handleFailed(idOf(3), 2100)).toMatchObject([{ kind: 'answer', id: 5 }]);
  });

  it('about this supernode itself it measures', () => {
    const { questions, run } = world();
    expect(questions.handleQuestion(9, 4, ids(0, 1, 2), 0).filter(({ kind }) => kind === 'answer')).toEqual(
      [],
    );
    const [answer] = run(0, 1100).filter(({ kind }) => kind === 'answer');
    expect(answer).toMatchObject({
      links: [
        [0, 1, 30, 0],
        [0, 2, 60, 0],
      ],
    });
  });

  it('waits with a bounded number of others', () => {
    const { questions } = world();
    for (let id = 0; id < 300; id++) questions.handleQuestion(9, id, ids(1, 2), 0);
    expect(questions.waiting).toBe(256);
  });
});

describe('a question of another supernode', () => {
  it('is answered from what is fresh, and by measuring the rest', () => {
    const { questions, run } = world();
    expect(questions.handleMeasure(idOf(7), { t: 'measure', id: 3, to: ids(1, 2) }, 0)).toEqual([]);
    expect(linkMessages(run(0, 700))).toEqual([
      [
        idOf(7),
        {
          t: 'measured',
          id: 3,
          links: [
            [idOf(1), 30, 0],
            [idOf(2), 60, 0],
          ],
        },
      ],
    ]);
    expect(
      linkMessages(questions.handleMeasure(idOf(8), { t: 'measure', id: 4, to: ids(2) }, 1000)),
    ).toMatchObject([[idOf(8), { links: [[idOf(2), 60, 0]] }]]);
  });

  it('is limited for each of them', () => {
    const { questions } = world();
    let answered = 0;
    for (let id = 0; id < 500; id++) {
      questions.handleMeasure(idOf(7), { t: 'measure', id, to: ids(1) }, 0);
      answered = questions.waiting;
    }
    expect(answered).toBe(30);
  });
});
