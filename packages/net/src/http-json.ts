import { once } from 'node:events';
import {
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { connectFirst } from './connect-race.ts';
import { reachableHost } from './nat64.ts';
import { type Opening, openFirst } from './open-race.ts';
import { proxyFor, TunnelAgent } from './proxy.ts';

/** The longest supernode list that its schema allows has 45 MB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** What the TLS handshake showed; null over plain HTTP. */
export interface SeenCertificate {
  /** SHA-256 of the certificate (DER), hex. */
  sha256: string;
  /** Whether a certificate authority that this machine trusts vouches for it and for the host name. */
  trustedByAuthority: boolean;
}

export interface JsonRequest {
  method: 'GET' | 'POST';
  url: URL;
  body?: unknown;
  /** For the connection, and for all, unless `answerTimeoutMs` gives what comes afterwards a time of its own. */
  timeoutMs: number;
  /** Once there is a connection somebody is there: where packets get lost the rest may take longer. */
  answerTimeoutMs?: number;
  /** Longest answer that is read; default as long as the longest supernode list. */
  maxAnswerBytes?: number;
  /** The ETag of the answer that is known already: 304 then, without a body (RFC 9110, 13.1.2). */
  knownEtag?: string;
  /**
   * To ask twice does no harm: where the answer has not begun after 1.5 s, it is asked for once more beside (`open-race.ts`). TCP says what was lost
   * again after 0.2, 0.4, 0.8 ... s: with three packets of ten lost each way one answer of a hundred takes over 10 s on one connection.
   */
  mayRepeat?: boolean;
  /** Not through a proxy, and with one connection alone: for whether a host can be reached. */
  isDirect?: boolean;
  /** Called before the first byte of the request is sent; throws to send nothing. */
  checkCertificate: (seen: SeenCertificate) => void;
}

export interface JsonAnswer {
  status: number;
  /** Undefined when the answer is not JSON. */
  body: unknown;
  certificate: SeenCertificate | null;
  /** When it was made, by the clock of the one that answered (RFC 9110, 6.6.1); null when that is not said. */
  dateMs: number | null;
}

/**
 * One HTTP exchange on a connection of its own, through a proxy when the environment names one. Over TLS the certificate is given to `checkCertificate` after
 * the handshake and before the request, so that a self-signed one can be checked against its fingerprint.
 */
export async function exchangeJson(request: JsonRequest): Promise<JsonAnswer> {
  const proxy = request.isDirect === true ? null : proxyFor(request.url);
  const name = unbracketed(request.url.hostname);
  const host = proxy === null ? await reachableHost(name) : name;
  const ask = () => openAnswer(request, proxy, host);
  const { response, connection, end } = await (request.mayRepeat === true ? openFirst(ask) : ask().opened);
  try {
    const body = await readJson(response, request.maxAnswerBytes ?? MAX_ANSWER_BYTES);
    const { certificate } = connection;
    const dateMs = dateOf(response.headers.date);
    return { status: response.statusCode ?? 0, body, certificate, dateMs };
  } finally {
    end();
  }
}

/** An answer that has begun. */
interface OpenAnswer {
  response: IncomingMessage;
  connection: Connection;
  /** It has been read: it needs no time any more. */
  end(): void;
}

function openAnswer(request: JsonRequest, proxy: URL | null, host: string): Opening<OpenAnswer> {
  const text = request.body === undefined ? undefined : JSON.stringify(request.body);
  const limit = new AbortController();
  let timer = setTimeout(() => limit.abort(), request.timeoutMs);
  const connection: Connection = {
    certificate: null,
    host,
    signal: limit.signal,
    onConnected: () => {
      if (request.answerTimeoutMs === undefined) return;
      clearTimeout(timer);
      timer = setTimeout(() => limit.abort(), request.answerTimeoutMs);
    },
  };
  const options: RequestOptions = {
    method: request.method,
    host,
    port: portOf(request.url),
    path: request.url.pathname + request.url.search,
    headers: headersOf(request, text),
    signal: limit.signal,
    ...(proxy === null ? ownConnection(request, connection) : throughProxy(proxy, request, connection)),
  };
  const send = proxy !== null && request.url.protocol === 'https:' ? httpsRequest : httpRequest;
  const end = () => clearTimeout(timer);
  const opened = new Promise<OpenAnswer>((resolve, reject) => {
    const call = send(options, (response) => {
      // Given up, or cut off, before anybody reads it.
      response.on('error', () => {});
      resolve({ response, connection, end });
    });
    call.on('error', (error) => {
      end();
      reject(error);
    });
    call.end(text);
  });
  return {
    opened,
    giveUp: () => {
      end();
      limit.abort();
    },
  };
}

/** What one exchange goes over. */
interface Connection {
  /** As soon as the handshake has shown one. */
  certificate: SeenCertificate | null;
  readonly host: string;
  readonly signal: AbortSignal;
  onConnected(): void;
}

const headersOf = ({ url, knownEtag }: JsonRequest, text: string | undefined): OutgoingHttpHeaders => ({
  host: url.host,
  accept: 'application/json',
  connection: 'close',
  ...(knownEtag === undefined ? {} : { 'if-none-match': knownEtag }),
  ...(text === undefined
    ? {}
    : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
});

function throughProxy(proxy: URL, request: JsonRequest, connection: Connection): RequestOptions {
  const agent = new TunnelAgent(proxy, (socket) => {
    connection.certificate = certificateOf(socket);
    request.checkCertificate(connection.certificate);
  });
  // The check is ours, as below.
  return Object.assign({ agent }, { rejectUnauthorized: false });
}

function ownConnection(request: JsonRequest, connection: Connection): RequestOptions {
  return {
    createConnection: (_options, done) => {
      openConnection(request, connection).then(
        (socket) => done(null, socket),
        (error) => done(error as Error, new Socket()),
      );
      return undefined;
    },
  };
}

function dateOf(text: string | undefined): number | null {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : ms;
}

async function openConnection(request: JsonRequest, connection: Connection): Promise<Socket> {
  const { host, signal } = connection;
  const most = request.isDirect === true ? { most: 1 } : {};
  const socket = await connectFirst({ host, port: portOf(request.url) }, { signal, ...most });
  connection.onConnected();
  if (request.url.protocol !== 'https:') return socket;
  const name = unbracketed(request.url.hostname);
  // The check is ours: a certificate vouched for by the pinned directory key needs no authority.
  const tls = tlsConnect({
    socket,
    rejectUnauthorized: false,
    ...(isIP(name) ? {} : { servername: name }),
  });
  try {
    await once(tls, 'secureConnect', { signal });
    connection.certificate = certificateOf(tls);
    request.checkCertificate(connection.certificate);
    return tls;
  } catch (error) {
    tls.destroy();
    throw error;
  }
}

function certificateOf(socket: TLSSocket): SeenCertificate {
  return {
    sha256: socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase(),
    trustedByAuthority: socket.authorized,
  };
}

async function readJson(response: IncomingMessage, maxBytes: number): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw new Error('answer is too long');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    return undefined;
  }
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
}

function unbracketed(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}
