/**
 * What one frame of 20 ms costs our own code at one end of a call, Opus encoding, sockets and timers left out: a packet sent, one received, a
 * frame decoded and played, in virtual time, on a direct path beside two relays. With `cold` the processor's caches are emptied before each
 * of them, as they are where a core sleeps between two packets. `node bench/call/packets.ts [FRAMES] [cold]`; CPU.md has results. Compare
 * versions only in runs at the same time.
 */
import { createHmac } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { MediaSession } from '@overcall/call';
import { OpusDecoder, OpusEncoder, Playout, RateControl, readRecording, VoiceSender } from '@overcall/media';
import { nodeCrypto } from '@overcall/net';
import type { CallKeys } from '@overcall/session';
import { DatagramType, readBindRequest, writeBindAck, writeBindChallenge } from '@overcall/wire';
import { median } from '../percentile.ts';

const FRAMES = Number(process.argv[2] ?? 2500);
const IS_COLD = process.argv.includes('cold');
/** More than a processor's last cache holds for one core. */
const CACHES = new Uint8Array(24 * 1024 * 1024);
const LINE_BYTES = 64;
const FRAME_MS = 20;
const FRAME_SAMPLES = 960;
const RELAYS = ['203.0.113.9:3478', '203.0.113.10:3478'];
const BIND_KEY = new Uint8Array(32).fill(7);
const COOKIE = new Uint8Array(16).fill(9);
const ONE_WAY_MS = 12.3;
type Name = 'a' | 'b';
const ADDRESS = { a: '192.0.2.1:1000', b: '192.0.2.2:2000' };
const PEER = { a: 'b', b: 'a' } as const;
/** The other side sends at another moment, ms. */
const PHASE_MS = { a: 0, b: 5.1 };

const timesUs: Record<'send' | 'receive' | 'play', number[]> = { send: [], receive: [], play: [] };

function timed(what: keyof typeof timesUs, run: () => void): void {
  if (IS_COLD) for (let at = 0; at < CACHES.length; at += LINE_BYTES) CACHES[at]!++;
  const startedAt = performance.now();
  run();
  timesUs[what].push((performance.now() - startedAt) * 1000);
}

function keys(send: number, receive: number): CallKeys {
  const packetKey = (seed: number) => ({
    key: new Uint8Array(16).fill(seed),
    iv: new Uint8Array(12).fill(seed),
  });
  const direction = (seed: number) => ({
    signal: packetKey(seed),
    media: packetKey(seed + 1),
    check: packetKey(seed + 2),
  });
  return { send: direction(send), receive: direction(receive), handshakeHash: new Uint8Array(64) };
}

const recording = fileURLToPath(new URL('../../test/recordings/alice.wav', import.meta.url));
const samples = await readRecording(recording);
const frames = Array.from({ length: Math.floor(samples.length / FRAME_SAMPLES) }, (_, i) =>
  samples.slice(i * FRAME_SAMPLES, (i + 1) * FRAME_SAMPLES),
);
const encoder = new OpusEncoder();
const packets = frames.map((frame) => encoder.encode(frame));

let nowMs = 1000;
const wire: { atMs: number; to: Name; from: string; datagram: Uint8Array }[] = [];
const told: (() => void)[] = [];

/** One end of the call. */
class End {
  readonly name: Name;
  readonly session: MediaSession;
  readonly playout = new Playout(new OpusDecoder());
  readonly #control = new RateControl();
  readonly #sender: VoiceSender;
  deadline = Number.POSITIVE_INFINITY;
  #encoded = 0;

  constructor(name: Name) {
    this.name = name;
    const own = name === 'a' ? keys(10, 20) : keys(20, 10);
    const directFlow = name === 'a' ? 3 : 4;
    this.session = new MediaSession({
      ...{ legId: 1, crypto: nodeCrypto, keys: own, directFlow, mayCheck: () => true, nowMs },
    });
    const encode = () => packets[this.#encoded++ % packets.length]!;
    this.#sender = new VoiceSender({ encode, setBitrate() {}, setFec() {} });
    RELAYS.forEach((relayAddress, i) => {
      const [route, sendFlow] = name === 'a' ? [11 + 10 * i, 12 + 10 * i] : [12 + 10 * i, 11 + 10 * i];
      const grant = { route, sendFlow, socket: 0, relayAddress, bindKey: BIND_KEY, via: [`supernode-${i}`] };
      this.session.useRelay({ ...grant, rttMs: 2 * ONE_WAY_MS }, nowMs);
    });
    this.session.addSocket({ id: 0, family: 'ipv4' }, nowMs);
    this.session.setCandidates([{ kind: 'host', address: ADDRESS[name] }], nowMs);
  }

  send(n: number): void {
    const { session } = this;
    this.#control.handleIncoming(session.takeIncoming(nowMs), nowMs);
    const frame = frames[n % frames.length]!;
    const audio = this.#sender.push(frame, n, this.#control.mode, session.wantsReport(nowMs));
    if (audio !== null) session.sendAudio(audio.frameNumber, audio.opus, nowMs, audio);
    this.pump();
  }

  pump(): void {
    for (const output of this.session.poll()) {
      if (output.type === 'send')
        transmit(this.name, output.to, output.datagram, output.hopLimit !== undefined);
      else if (output.type === 'audio')
        this.playout.receive(output.frameLow, output.opus, nowMs, output.copies);
      else if (output.type === 'report') this.#control.handleReport(output.report, 2 * ONE_WAY_MS, nowMs);
      else if (output.type === 'tell')
        told.push(() => ends[PEER[this.name]].session.handleTold(output.message, nowMs));
    }
    this.deadline = this.session.deadline;
  }
}

/** What opens a NAT dies on the way; relays answer who binds, and pass on the rest. */
function transmit(from: Name, remote: string, datagram: Uint8Array, dies: boolean): void {
  const isRelayed = RELAYS.includes(remote);
  const request = isRelayed ? readBindRequest(datagram) : null;
  const isKnown = isRelayed || remote === ADDRESS[PEER[from]];
  if (dies || !isKnown) return;
  wire.push({
    atMs: nowMs + ONE_WAY_MS * (isRelayed ? 2 : 1),
    to: request === null ? PEER[from] : from,
    from: isRelayed ? remote : ADDRESS[from],
    datagram: request === null ? datagram : bindAnswer(request),
  });
}

function bindAnswer({
  flowId,
  sequence,
  cookie,
}: NonNullable<ReturnType<typeof readBindRequest>>): Uint8Array {
  if (cookie[0] !== COOKIE[0]) return writeBindChallenge({ flowId, echo: sequence, cookie: COOKIE });
  return writeBindAck({ flowId, sequence }, (bytes) => createHmac('sha256', BIND_KEY).update(bytes).digest());
}

const ends: Record<Name, End> = { a: new End('a'), b: new End('b') };
const both = [ends.a, ends.b];

function advance(toMs: number): void {
  for (;;) {
    for (const tell of told.splice(0)) tell();
    for (const end of both) end.pump();
    wire.sort((one, other) => one.atMs - other.atMs);
    const arrival = wire[0]?.atMs ?? Number.POSITIVE_INFINITY;
    const due = both.find(({ deadline }) => deadline < Math.min(arrival, toMs));
    nowMs = Math.max(nowMs, due?.deadline ?? Math.min(arrival, toMs));
    if (due !== undefined) due.session.handleTimeout(nowMs);
    else if (arrival <= toMs) deliver();
    else return;
  }
}

function deliver(): void {
  const { to, from, datagram } = wire.shift()!;
  const take = () => {
    ends[to].session.handleDatagram(0, from, datagram, nowMs);
    ends[to].pump();
  };
  if (to === 'a' && datagram[0] === DatagramType.Media) timed('receive', take);
  else take();
}

for (const { session } of both) {
  session.startTalking(nowMs);
  session.expose(nowMs);
}
advance(nowMs + 1000);
const startMs = nowMs;
for (let n = 0; n < FRAMES; n++)
  for (const end of both) {
    advance(startMs + n * FRAME_MS + PHASE_MS[end.name]);
    const send = () => end.send(n);
    const play = () => void end.playout.tick(nowMs);
    if (end.name === 'a') {
      timed('send', send);
      timed('play', play);
    } else {
      send();
      play();
    }
  }

const edges = [0, 400, 1000, 2000, 4000, 8000].filter((edge) => edge < FRAMES);
process.stdout.write(
  `| seconds of the call | send | receive | decode and play | all, us |\n|---|---|---|---|---|\n`,
);
edges.forEach((from, i) => {
  const to = edges[i + 1] ?? FRAMES;
  const parts = Object.values(timesUs).map((values) => median(values.slice(from, to)));
  const cells = [...parts, parts.reduce((sum, each) => sum + each, 0)].map((us) => us.toFixed(0));
  process.stdout.write(`| ${from / 50} to ${to / 50} | ${cells.join(' | ')} |\n`);
});
const { kind } = ends.a.session.paths.current ?? { kind: 'none' };
process.stdout.write(`path: ${kind}, frames played: ${ends.a.playout.stats.playedFrames} of ${FRAMES}\n`);
