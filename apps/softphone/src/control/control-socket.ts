import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { errorFields } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import type { SoftphoneEvent } from '../softphone-options.ts';
import type { ControlDesk } from './control-desk.ts';
import { parseControlLine } from './control-request.ts';

const MAX_CLIENTS = 16;
/** Longest line of a request, characters. */
const MAX_LINE = 4096;
/** What may wait for a client that does not read, bytes; then it is let go. */
const MAX_BACKLOG = 1_048_576;

/**
 * A Unix socket, for this user alone, over which programs run the softphone: a request a line, an answer to each, and
 * every event to everybody who is connected, as with `--json`.
 */
export class ControlSocket {
  readonly #desk: ControlDesk;
  readonly #server: Server;
  readonly #path: string;
  readonly #clients = new Set<Socket>();

  private constructor(path: string, desk: ControlDesk) {
    this.#path = path;
    this.#desk = desk;
    this.#server = createServer((client) => this.#handleClient(client));
  }

  /** @throws OvercallError `control-unusable`, also when another softphone listens there */
  static async open(name: string, desk: ControlDesk): Promise<ControlSocket> {
    if (name === '') throw new OvercallError('control-unusable', '--control names no socket');
    // Node takes a name of digits for a TCP port, which would be open to everybody.
    const path = name.includes('/') ? name : `./${name}`;
    await makeWay(path);
    const control = new ControlSocket(path, desk);
    await control.#listen();
    return control;
  }

  async #listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    // Nobody else gets in between making the socket and taking rights away.
    const before = process.umask(0o177);
    try {
      this.#server.listen(this.#path, resolve);
    } finally {
      process.umask(before);
    }
    await promise.catch((cause) => {
      throw new OvercallError(
        'control-unusable',
        `--control ${this.#path} cannot be made (${cause.code ?? cause.message})`,
        { cause },
      );
    });
    chmodSync(this.#path, 0o600);
  }

  #handleClient(client: Socket): void {
    if (this.#clients.size >= MAX_CLIENTS) {
      client.destroy();
      return;
    }
    this.#clients.add(client);
    client.setEncoding('utf8');
    client.on('error', () => {});
    client.on('close', () => this.#clients.delete(client));
    let rest = '';
    client.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) if (line.trim() !== '') this.#handleLine(client, line);
      if (rest.length > MAX_LINE) client.destroy();
    });
  }

  #handleLine(client: Socket, line: string): void {
    const { request, ...tag } = line.length > MAX_LINE ? { request: null } : parseControlLine(line);
    this.#write(client, { event: 'done', at: Date.now(), ...tag, ...this.#answer(request) });
  }

  #answer(request: ReturnType<typeof parseControlLine>['request']): Record<string, unknown> {
    if (request === null)
      return {
        ok: false,
        ...{ code: 'request-malformed', message: 'no such request', remedy: 'see docs/phone.md' },
      };
    try {
      return { do: request.do, ok: true, ...this.#desk.do(request) };
    } catch (error) {
      if (!(error instanceof OvercallError)) throw error;
      return { do: request.do, ok: false, ...errorFields(error) };
    }
  }

  /** Tells everybody. */
  tell(event: SoftphoneEvent): void {
    const { event: name, ...fields } = event;
    for (const client of this.#clients) this.#write(client, { event: name, at: Date.now(), ...fields });
  }

  #write(client: Socket, message: object): void {
    if (client.destroyed) return;
    client.write(`${JSON.stringify(message)}\n`);
    if (client.writableLength > MAX_BACKLOG) client.destroy();
  }

  /** Also takes the socket away. */
  close(): void {
    for (const client of this.#clients) client.end();
    this.#server.close();
  }
}

/** Takes away a socket that a softphone left when it was killed; anything else stays. */
async function makeWay(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket())
    throw new OvercallError('control-unusable', `--control ${path} is there and no socket`);
  if (await isAnswered(path))
    throw new OvercallError('control-unusable', `--control ${path} is in use by another program`);
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('control-unusable', `--control ${path} cannot be taken over (${code})`, {
      cause,
    });
  }
}

/** Nobody has it only if the kernel says so: who is too busy, of another user or of another kind, is somebody. */
function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
}
