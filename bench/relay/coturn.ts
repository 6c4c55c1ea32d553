import { type ChildProcess, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { End } from './frames.ts';
import { type Ground, RELAY_ADDRESS } from './ground.ts';
import {
  calleeOf,
  callerOf,
  type Direction,
  type Exchange,
  PACKET_BYTES,
  type RelayUnderTest,
} from './relay-under-test.ts';

export const TURNSERVER = '/usr/bin/turnserver';
const SERVER: End = { address: RELAY_ADDRESS, port: 3478 };
const MAGIC = 0x2112a442;
// RFC 8656, 17 and 18.
const ALLOCATE = 0x0003;
const CHANNEL_BIND = 0x0009;
const SUCCESS = 0x0100;
const CHANNEL_NUMBER = 0x000c;
const XOR_PEER_ADDRESS = 0x0012;
const XOR_RELAYED_ADDRESS = 0x0016;
const REQUESTED_TRANSPORT = 0x0019;
const FIRST_CHANNEL = 0x4000;
const UDP = 17;

/**
 * coturn with one relay thread and without log-in, which saves it memory and changes nothing for packets. A call is one
 * allocation with a channel to the other party, so that each packet goes through it once, as through a supernode.
 */
export class Coturn implements RelayUnderTest {
  readonly name: string;
  readonly #process: ChildProcess;
  #calls = 0;

  private constructor(process: ChildProcess, name: string) {
    this.#process = process;
    this.name = name;
  }

  static async start(ground: Ground): Promise<Coturn> {
    const [version] = execFileSync(TURNSERVER, ['-c', '/dev/null', '--version'], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .slice(-1);
    const args = ['-c', '/dev/null', '-n', '-L', RELAY_ADDRESS, '-E', RELAY_ADDRESS, '-m', '1', '--no-auth'];
    const quiet = [
      '--no-tcp',
      '--no-tls',
      '--no-dtls',
      '--no-cli',
      '--log-file',
      '/dev/null',
      '--simple-log',
    ];
    const files = ['--pidfile', '/dev/null', '--no-stdout-log'];
    const process = ground.spawn(TURNSERVER, [...args, ...quiet, ...files], { stdio: 'ignore' });
    return new Coturn(process, `coturn ${version}`);
  }

  get pid(): number {
    return this.#process.pid!;
  }

  async open(count: number, exchange: Exchange): Promise<Direction[]> {
    const directions: Direction[] = [];
    for (let i = 0; i < count; i++) {
      const index = this.#calls++;
      const [caller, callee] = [callerOf(index), calleeOf(index)];
      const transport = attribute(REQUESTED_TRANSPORT, Buffer.from([UDP, 0, 0, 0]));
      const allocate = request(ALLOCATE, transport);
      const allocated = await exchange(caller, SERVER, allocate, (answer) => answerTo(allocate, answer));
      const relayed = addressIn(allocated);
      const channel = Buffer.from([FIRST_CHANNEL >> 8, FIRST_CHANNEL & 0xff, 0, 0]);
      const bind = request(CHANNEL_BIND, attribute(CHANNEL_NUMBER, channel), peerAddress(callee));
      await exchange(caller, SERVER, bind, (answer) => answerTo(bind, answer));
      directions.push(
        { from: caller, to: SERVER, payload: channelData(), out: `${callee.address}:${callee.port}` },
        {
          from: callee,
          to: relayed,
          payload: new Uint8Array(PACKET_BYTES),
          out: `${caller.address}:${caller.port}`,
        },
      );
    }
    return directions;
  }

  rssBytes(): Promise<number> {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))!;
    return Promise.resolve(1024 * Number(kilobytes));
  }

  async stop(): Promise<void> {
    this.#process.kill();
    await delay(200);
    this.#process.kill('SIGKILL');
  }
}

function request(type: number, ...attributes: Buffer[]): Buffer {
  const body = Buffer.concat(attributes);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(body.length, 2);
  header.writeUInt32BE(MAGIC, 4);
  randomBytes(12).copy(header, 8);
  return Buffer.concat([header, body]);
}

function attribute(type: number, value: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value]);
}

function peerAddress({ address, port }: End): Buffer {
  const value = Buffer.from([0, 1, 0, 0, ...address.split('.').map(Number)]);
  value.writeUInt16BE(port ^ (MAGIC >>> 16), 2);
  value.writeUInt32BE((value.readUInt32BE(4) ^ MAGIC) >>> 0, 4);
  return attribute(XOR_PEER_ADDRESS, value);
}

/** The answer to a request; null when it is one to another. */
function answerTo(asked: Buffer, bytes: Uint8Array): Buffer | null {
  const answer = Buffer.from(bytes);
  if (!answer.subarray(8, 20).equals(asked.subarray(8, 20))) return null;
  const type = answer.readUInt16BE(0);
  if (type !== (asked.readUInt16BE(0) | SUCCESS)) throw new Error(`coturn answers 0x${type.toString(16)}`);
  return answer;
}

function addressIn(bytes: Buffer): End {
  for (let at = 20; at < bytes.length; at += 4 + ((bytes.readUInt16BE(at + 2) + 3) & ~3)) {
    if (bytes.readUInt16BE(at) !== XOR_RELAYED_ADDRESS) continue;
    const number = Buffer.alloc(4);
    number.writeUInt32BE((bytes.readUInt32BE(at + 8) ^ MAGIC) >>> 0, 0);
    return { address: [...number].join('.'), port: bytes.readUInt16BE(at + 6) ^ (MAGIC >>> 16) };
  }
  throw new Error('coturn gives no relayed address');
}

/** RFC 8656, 12.4: channel, length, data. */
function channelData(): Buffer {
  const message = Buffer.alloc(4 + PACKET_BYTES);
  message.writeUInt16BE(FIRST_CHANNEL, 0);
  message.writeUInt16BE(PACKET_BYTES, 2);
  return message;
}
