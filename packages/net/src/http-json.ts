import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import { reachableHost } from './nat64.ts';
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
  timeoutMs: number;
  /** Longest answer that is read; default as long as the longest supernode list. */
  maxAnswerBytes?: number;
  /** Not through a proxy: for whether a host can be reached. */
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
  const text = request.body === undefined ? undefined : JSON.stringify(request.body);
  let certificate: SeenCertificate | null = null;
  const options: RequestOptions = {
    method: request.method,
    host,
    port: portOf(request.url),
    path: request.url.pathname + request.url.search,
    headers: {
      host: request.url.host,
      accept: 'application/json',
      connection: 'close',
      ...(text === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
    },
    agent: false,
    signal: AbortSignal.timeout(request.timeoutMs),
  };
  if (proxy !== null) {
    options.agent = new TunnelAgent(proxy, (socket) => {
      certificate = certificateOf(socket);
      request.checkCertificate(certificate);
    });
    // The check is ours, as below.
    Object.assign(options, { rejectUnauthorized: false });
  } else if (request.url.protocol === 'https:') {
    options.agent = undefined;
    options.createConnection = (_options, done) =>
      connectChecked(request, host, (seen) => (certificate = seen), done);
  }
  return new Promise((resolve, reject) => {
    const send = proxy !== null && request.url.protocol === 'https:' ? httpsRequest : httpRequest;
    const call = send(options, (response) => {
      readJson(response, request.maxAnswerBytes ?? MAX_ANSWER_BYTES).then(
        (body) =>
          resolve({
            status: response.statusCode ?? 0,
            body,
            certificate,
            dateMs: dateOf(response.headers.date),
          }),
        reject,
      );
    });
    call.on('error', reject);
    call.end(text);
  });
}

function dateOf(text: string | undefined): number | null {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : ms;
}

function connectChecked(
  request: JsonRequest,
  host: string,
  onSeen: (seen: SeenCertificate) => void,
  done: (error: Error | null, socket: Socket) => void,
): undefined {
  const name = unbracketed(request.url.hostname);
  const socket = tlsConnect({
    host,
    port: portOf(request.url),
    // The check is ours: a certificate vouched for by the pinned directory key needs no authority.
    rejectUnauthorized: false,
    ...(isIP(name) ? {} : { servername: name }),
  });
  const timer = setTimeout(() => socket.destroy(new Error('TLS handshake timed out')), request.timeoutMs);
  const fail = (error: Error) => {
    clearTimeout(timer);
    done(error, socket);
  };
  socket.once('error', fail);
  socket.once('secureConnect', () => {
    clearTimeout(timer);
    socket.off('error', fail);
    try {
      const seen = certificateOf(socket);
      onSeen(seen);
      request.checkCertificate(seen);
      done(null, socket);
    } catch (error) {
      socket.destroy();
      done(error as Error, socket);
    }
  });
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
