import type { IncomingMessage, ServerResponse } from 'node:http';
import { DIAL_BACK_PATH, DialBackBody, fromBase64Url } from '@overcall/wire';
import type { Static } from 'typebox';
import { Value } from 'typebox/value';
import { refuse } from './list-endpoint.ts';

/** A ticket holds an entry of 768 bytes, a request some 300. */
const MAX_BODY_BYTES = 8192;
const PROOF_URL = new RegExp(`^${DIAL_BACK_PATH}/([A-Za-z0-9_-]{22})/([A-Za-z0-9_-]{22})$`);

export type DialBackAnswered = { report: string } | { status: number; code: string; message: string };

export interface DialBackHandlers {
  /** Tries somebody's addresses; `address` is where the request came from. Never rejects. */
  tryAddresses(body: Static<typeof DialBackBody>, address: string): Promise<DialBackAnswered>;
  /** Proof for somebody who tries this supernode; null for whoever was not asked to. */
  prove(id: Uint8Array, nonce: Uint8Array): string | null;
}

/** The HTTP side of dial-back on the control port: see wire's dial-back.ts. */
export class DialBackEndpoint {
  readonly #handlers: DialBackHandlers;

  constructor(handlers: DialBackHandlers) {
    this.#handlers = handlers;
  }

  isFor(request: IncomingMessage): boolean {
    return request.url?.startsWith(DIAL_BACK_PATH) ?? false;
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    response.on('error', () => response.destroy());
    request.on('error', () => response.destroy());
    const [, id, nonce] = PROOF_URL.exec(request.url ?? '') ?? [];
    if (request.method === 'POST' && request.url === DIAL_BACK_PATH) void this.#try(request, response);
    else if (request.method === 'GET' && id !== undefined && nonce !== undefined)
      this.#prove(response, id, nonce);
    else refuse(response, 404, 'not-found', `there is only POST ${DIAL_BACK_PATH}`);
  }

  #prove(response: ServerResponse, id: string, nonce: string): void {
    const bytes = { id: fromBase64Url(id), nonce: fromBase64Url(nonce) };
    const isWhole = bytes.id !== null && bytes.nonce !== null;
    const proof = isWhole ? this.#handlers.prove(bytes.id!, bytes.nonce!) : null;
    if (proof === null) refuse(response, 404, 'not-found', 'no such dial-back is under way');
    else answer(response, { proof });
  }

  async #try(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (!Value.Check(DialBackBody, body)) {
      refuse(response, 400, 'request-malformed', 'not a dial-back request');
      return;
    }
    const { remoteAddress = '' } = request.socket;
    const answered = await this.#handlers.tryAddresses(body, remoteAddress);
    if ('report' in answered) answer(response, answered);
    else refuse(response, answered.status, answered.code, answered.message);
  }
}

function answer(response: ServerResponse, body: object): void {
  response.writeHead(200, { connection: 'close', 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

/** Undefined for what is too long, is not JSON or ends early. */
async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > MAX_BODY_BYTES) return undefined;
      chunks.push(chunk);
    }
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}
