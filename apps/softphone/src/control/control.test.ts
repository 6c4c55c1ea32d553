import { spawn } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BlockList } from '../block-list.ts';
import { CallGuard } from '../call-guard.ts';
import { ContactBook } from '../contacts.ts';
import type { Softphone } from '../softphone.ts';
import { CallTracker } from './call-tracker.ts';
import { ControlDesk } from './control-desk.ts';
import { parseControlLine } from './control-request.ts';
import { ControlSocket } from './control-socket.ts';
import { EventHook, isProgram } from './event-hook.ts';
import { openControl } from './index.ts';

let dataDir: string;
let path: string;
let tracker: CallTracker;
let desk: ControlDesk;
const done: string[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'overcall-control-'));
  path = join(dataDir, 'control');
  done.length = 0;
  tracker = new CallTracker();
  const note = (what: string) => (callId: string) => void done.push(`${what} ${callId}`);
  const phone = {
    call: (name: string) => `call-to-${name}`,
    accept: note('accept'),
    decline: note('decline'),
    hangUp: note('hangUp'),
    toggleMute: note('mute'),
    toggleHold: note('hold'),
    pressKeys: (callId: string, keys: string) => void done.push(`keys ${keys} ${callId}`),
    message: (name: string, text: string) => `to-${name}: ${text}`,
    setDoNotDisturb: (on: boolean) => void done.push(`do-not-disturb ${on}`),
  };
  const contacts = new ContactBook({ dataDir });
  const blocked = new BlockList({ dataDir });
  desk = new ControlDesk({
    name: 'alice',
    phone,
    tracker,
    contacts,
    blocked,
    guard: new CallGuard(contacts),
    now: () => 1,
  });
});
afterEach(() => rmSync(dataDir, { recursive: true }));

describe('control requests', () => {
  it.each([
    ['{"do":"call","to":"bob","id":7}', { id: 7, request: { do: 'call', to: 'bob', id: 7 } }],
    ['{"do":"explode","id":"x"}', { id: 'x', request: null }],
    ['{"do":"keys","keys":"12A"}', { request: null }],
    ['{"do":"call"}', { request: null }],
    ['null', { request: null }],
    ['hangup', { request: null }],
  ])('%s', (line, parsed) => {
    expect(parseControlLine(line)).toEqual(parsed);
  });

  it('act on the call there is, and are refused without it', () => {
    expect(desk.do({ do: 'call', to: ' Bob' })).toEqual({ callId: 'call-to-bob' });
    expect(desk.do({ do: 'message', to: 'Bob', text: 'hi' })).toEqual({ messageId: 'to-bob: hi' });
    expect(() => desk.do({ do: 'answer' })).toThrow(expect.objectContaining({ code: 'no-such-call' }));
    tracker.handleEvent({ event: 'incoming', callId: 'c', from: 'bob' });
    expect(() => desk.do({ do: 'mute' })).toThrow(expect.objectContaining({ code: 'no-such-call' }));
    expect(() => desk.do({ do: 'call', to: 'carol' })).toThrow(
      expect.objectContaining({ code: 'call-in-progress' }),
    );
    desk.do({ do: 'answer' });
    tracker.handleEvent({ event: 'answered', callId: 'c' });
    desk.do({ do: 'mute' });
    desk.do({ do: 'keys', keys: '5#' });
    tracker.handleEvent({ event: 'mute', callId: 'c', by: 'self', on: true });
    desk.do({ do: 'hangup' });
    expect(done).toEqual(['accept c', 'mute c', 'keys 5# c', 'hangUp c']);
    expect(desk.do({ do: 'status' })).toMatchObject({
      name: 'alice',
      call: { peer: 'bob', state: 'talking', muted: true },
    });
  });

  it('leave it to the softphone not to be disturbed: it tells everybody', () => {
    desk.do({ do: 'do-not-disturb', on: true });
    expect(done).toEqual(['do-not-disturb true']);
  });

  it('block, and say so with the contacts', () => {
    desk.do({ do: 'block', name: 'Mallory', on: true });
    expect(desk.do({ do: 'contacts' })).toEqual({
      contacts: [{ name: 'mallory', verified: false, blocked: true }],
    });
  });
});

describe('ControlSocket', () => {
  let control: ControlSocket;
  const clients: Socket[] = [];
  beforeEach(async () => {
    control = await ControlSocket.open(path, desk);
  });
  afterEach(() => {
    control.close();
    for (const client of clients.splice(0)) client.destroy();
  });

  /** A client, and the lines that it gets. */
  function client(): { socket: Socket; next(): Promise<Record<string, unknown>>; closed: Promise<unknown> } {
    const socket = connect(path);
    clients.push(socket);
    socket.on('error', () => {});
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    return { socket, next: async () => JSON.parse(String((await lines.next()).value)), closed };
  }

  it('is for its owner alone, answers each line, and tells events', async () => {
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const { socket, next } = client();
    socket.write('{"do":"call","to":"bob","id":1}\n{"do":"ans');
    expect(await next()).toMatchObject({ event: 'done', id: 1, do: 'call', ok: true, callId: 'call-to-bob' });
    control.tell({ event: 'ringing', callId: 'c' });
    expect(await next()).toMatchObject({ event: 'ringing', callId: 'c', at: expect.any(Number) });
    socket.write('wer"}\nnonsense\n');
    expect(await next()).toMatchObject({ do: 'answer', ok: false, code: 'no-such-call' });
    expect(await next()).toMatchObject({ ok: false, code: 'request-malformed' });
  });

  it('lets go of whoever sends a line without end, and of clients too many', async () => {
    const { socket, closed } = client();
    socket.write('x'.repeat(5000));
    await closed;
    const sixteen = Array.from({ length: 16 }, client);
    for (const { socket: each } of sixteen) each.write('{"do":"status"}\n');
    await Promise.all(sixteen.map(({ next }) => next()));
    await client().closed;
  });

  it('lets go of a client that does not read', async () => {
    const { socket, next, closed } = client();
    socket.write('{"do":"status"}\n');
    await next();
    socket.pause();
    for (let i = 0; i < 30; i++) control.tell({ event: 'hint', text: 'x'.repeat(100_000) });
    socket.resume();
    await closed;
  });

  it('does not take the socket of another, nor a file, but one that was left behind', async () => {
    await expect(ControlSocket.open(path, desk)).rejects.toMatchObject({ code: 'control-unusable' });
    const file = join(dataDir, 'file');
    writeFileSync(file, 'precious');
    await expect(ControlSocket.open(file, desk)).rejects.toMatchObject({ code: 'control-unusable' });
    expect(readFileSync(file, 'utf8')).toBe('precious');
    control.close();
    expect(existsSync(path)).toBe(false);
  });
});

it('is never a port: a name of digits is a name, and no name is refused', async () => {
  const before = process.cwd();
  process.chdir(dataDir);
  try {
    const control = await ControlSocket.open('0', desk);
    expect(statSync(join(dataDir, '0')).isSocket()).toBe(true);
    control.close();
    await expect(ControlSocket.open('', desk)).rejects.toMatchObject({ code: 'control-unusable' });
  } finally {
    process.chdir(before);
  }
});

it('leaves a socket alone that somebody has, although it does not talk to us', async () => {
  const bind = 'use Socket; socket(S, AF_UNIX, SOCK_DGRAM, 0); bind(S, sockaddr_un($ARGV[0])); sleep 60';
  const other = spawn('perl', ['-e', bind, path]);
  try {
    await expect.poll(() => existsSync(path)).toBe(true);
    await expect(ControlSocket.open(path, desk)).rejects.toMatchObject({
      code: 'control-unusable',
      message: expect.stringContaining('in use'),
    });
    expect(existsSync(path)).toBe(true);
  } finally {
    other.kill();
  }
});

it('tells programs of what happens beside the softphone, too', async () => {
  const softphone = new EventEmitter();
  const told: ((event: { event: string }) => void)[] = [];
  const close = await openControl(
    { control: path },
    {
      softphone: softphone as unknown as Softphone,
      name: 'alice',
      contacts: new ContactBook({ dataDir }),
      blocked: new BlockList({ dataDir }),
      guard: new CallGuard(new ContactBook({ dataDir })),
      onTrouble: () => {},
      onTold: (listener) => told.push(listener),
    },
  );
  const socket = connect(path);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  socket.write('{"do":"status"}\n');
  await lines.next();
  for (const listener of told) listener({ event: 'audio-device' });
  softphone.emit('event', { event: 'attached' });
  for (const event of ['audio-device', 'attached'])
    expect(JSON.parse(String((await lines.next()).value))).toMatchObject({ event });
  await close();
  socket.destroy();
});

describe('EventHook', () => {
  const hookOf = (script: string, onTrouble: (text: string) => void = () => {}) => {
    const program = join(dataDir, 'hook');
    writeFileSync(program, `#!/bin/sh\n${script}\n`);
    chmodSync(program, 0o755);
    return new EventHook(program, onTrouble);
  };

  it('runs the program with the event as JSON, but not for statistics', async () => {
    const heard = join(dataDir, 'heard');
    const hook = hookOf(`cat > ${heard}.$1.part && mv ${heard}.$1.part ${heard}.$1`);
    hook.handleEvent({ event: 'stats' }, 1);
    hook.handleEvent({ event: 'incoming', from: 'bob' }, 2);
    await expect.poll(() => existsSync(`${heard}.incoming`)).toBe(true);
    expect(JSON.parse(readFileSync(`${heard}.incoming`, 'utf8'))).toEqual({
      event: 'incoming',
      at: 2,
      from: 'bob',
    });
    expect(existsSync(`${heard}.stats`)).toBe(false);
  });

  it('tells of a program that fails, and of events that it was too slow for', async () => {
    const trouble: string[] = [];
    const hook = hookOf('exit 3', (text) => trouble.push(text));
    for (let event = 0; event < 4 + 64 + 1; event++) hook.handleEvent({ event: 'incoming' }, event);
    expect(trouble).toEqual([expect.stringContaining('too slow')]);
    await expect.poll(() => trouble.at(-1)).toMatch(/exit 3/);
  });

  it('is wanted only of what can be run', () => {
    hookOf('true');
    const isThere = (name: string) => isProgram(name, `/nowhere:${dataDir}`);
    expect(isThere(join(dataDir, 'hook'))).toBe(true);
    expect(isThere('hook')).toBe(true);
    chmodSync(join(dataDir, 'hook'), 0o644);
    for (const name of ['hook', join(dataDir, 'hook'), dataDir, '', 'no-such-program'])
      expect(isThere(name), name).toBe(false);
  });

  it('outlives a program that cannot even be tried', async () => {
    const trouble: string[] = [];
    const hook = new EventHook('', (text) => trouble.push(text));
    hook.handleEvent({ event: 'incoming' }, 1);
    hook.handleEvent({ event: 'ended' }, 2);
    expect(trouble).toHaveLength(2);
    await hook.close();
  });

  it('tells all that has happened before the softphone ends', async () => {
    const heard = join(dataDir, 'heard');
    const hook = hookOf(`echo $1 >> ${heard}`);
    for (let event = 0; event < 6; event++) hook.handleEvent({ event: `e${event}` }, event);
    await hook.close();
    expect(readFileSync(heard, 'utf8').split('\n').sort()).toEqual(['', 'e0', 'e1', 'e2', 'e3', 'e4', 'e5']);
  });

  it('ends a program that takes too long, with what it has started', async () => {
    const trouble: string[] = [];
    const file = join(dataDir, 'pid');
    hookOf(`sleep 60 & echo $! > ${file}.$$ && mv ${file}.$$ ${file}; wait`);
    const hook = new EventHook(join(dataDir, 'hook'), (text) => trouble.push(text), 300);
    // On a busy machine it may be ended before it has begun.
    await vi.waitFor(
      () => {
        hook.handleEvent({ event: 'incoming' }, 1);
        expect(existsSync(file)).toBe(true);
      },
      { timeout: 20_000, interval: 400 },
    );
    await hook.close();
    expect(trouble.at(-1)).toMatch(/SIGKILL|dropped/);
    const pid = readFileSync(file, 'utf8').trim();
    await expect.poll(() => stateOf(pid)).toMatch(/^$|Z/);
  });
});

/** Z for one that nobody has asked about since it ended. */
function stateOf(pid: string): string {
  return existsSync(`/proc/${pid}`)
    ? (/^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '')
    : '';
}
