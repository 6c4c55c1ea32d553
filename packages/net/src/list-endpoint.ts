import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SUPERNODE_LIST_PATH } from '@overcall/wire';

/** The longest list has some 30 MB: in pieces, so that a slow reader holds one of them and not all. */
const PIECE_BYTES = 65_536;
/** Whoever has not read it by then holds a connection for nothing. */
const SEND_TIMEOUT_MS = 60_000;

/**
 * Serves the signed supernode list on the control port, in the form in which the directory serves it: it outgrows
 * control messages, and must be there while the directory is not.
 */
export class ListEndpoint {
  readonly #admit: (address: string) => boolean;
  /** Made once for each list, not for each request. */
  #body: Buffer | null = null;

  /** `admit` is asked about the address of each request for the list. */
  constructor(admit: (address: string) => boolean) {
    this.#admit = admit;
  }

  setList(token: string): void {
    this.#body = Buffer.from(JSON.stringify({ list: token }));
  }

  /** Answers any HTTP request; this is all there is besides the WebSocket. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => response.destroy());
    if (request.method !== 'GET' || request.url !== SUPERNODE_LIST_PATH) {
      refuse(response, 404, 'not-found', `only GET ${SUPERNODE_LIST_PATH} is here`);
    } else if (!this.#admit(request.socket.remoteAddress ?? '')) {
      refuse(response, 429, 'rate-limited', 'too many requests from your address; try again later');
    } else if (this.#body === null) {
      refuse(response, 503, 'not-ready', 'the supernode has no list yet');
    } else {
      void sendPieces(response, this.#body);
    }
  }
}

/** Answers with a code and a message for people, and ends the connection. */
export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, { connection: 'close', 'content-type': 'application/json' })
    .end(JSON.stringify({ code, message }));
}

async function sendPieces(response: ServerResponse, body: Buffer): Promise<void> {
  response.writeHead(200, {
    connection: 'close',
    'content-type': 'application/json',
    'content-length': body.length,
    'cache-control': 'no-cache',
  });
  try {
    await pipeline(Readable.from(pieces(body)), response, { signal: AbortSignal.timeout(SEND_TIMEOUT_MS) });
  } catch {
    // Gone, or too slow: nothing to tell anybody.
    response.destroy();
  }
}

function* pieces(body: Buffer): Iterable<Buffer> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES);
}
