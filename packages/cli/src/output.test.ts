import { afterEach, expect, it, vi } from 'vitest';
import { logText } from './log.ts';
import { createOutput } from './output.ts';

afterEach(() => vi.restoreAllMocks());

function printed(json: boolean | undefined): string {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  vi.spyOn(Date, 'now').mockReturnValue(1_800_000_000_000);
  const output = createOutput(json);
  output.event({ event: 'ringing', to: 'bob' }, 'ringing bob');
  output.event({ event: 'stats' }, null);
  output.note('a = accept');
  output.result({ name: 'bob' }, 'bob\n  and more');
  return write.mock.calls.map(([chunk]) => String(chunk)).join('');
}

it('is text for people', () => {
  expect(printed(undefined)).toBe('ringing bob\na = accept\nbob\n  and more\n');
});

it('is one object a line with --json, events with their time, and nothing else', () => {
  expect(printed(true)).toBe(
    '{"event":"ringing","at":1800000000000,"to":"bob"}\n{"event":"stats","at":1800000000000}\n{"name":"bob"}\n',
  );
});

it('does not let what others sent steer the terminal; lines and columns stay', () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  createOutput().event({ event: 'device' }, 'a\x1b[2Jb\r\u202ec\n  \u009bd');
  createOutput().result({}, '\x07\tb');
  expect(write.mock.calls.map(([chunk]) => chunk)).toEqual([
    'a\ufffd[2Jb\ufffd\ufffdc\n  \ufffdd\n',
    '\ufffd\tb\n',
  ]);
  const line = { level: 40, time: '2027-01-15T08:00:00.123Z', msg: 'said\n\x1b]0;x\x07', from: '\u009b2J' };
  expect(logText(JSON.stringify(line))).toBe(
    '08:00:00.123 warn  said\ufffd\ufffd]0;x\ufffd from="\ufffd2J"\n',
  );
});

it('shortens a log line for a terminal', () => {
  const line = {
    level: 40,
    time: '2027-01-15T08:00:00.123Z',
    name: 'overcall',
    version: 3,
    msg: 'newer list',
  };
  expect(logText(JSON.stringify(line))).toBe('08:00:00.123 warn  newer list version=3\n');
});
