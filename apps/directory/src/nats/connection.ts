import { readFileSync } from 'node:fs';
import { JetStreamApiError, type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import {
  AuthorizationError,
  type ConnectionOptions,
  connect,
  credsAuthenticator,
  type NatsConnection,
  PermissionViolationError,
} from '@nats-io/transport-node';
import { OvercallError } from '@overcall/wire';
import type { NatsPlace } from '../store-choice.ts';

/** To connect to one server and log in, ms. */
const CONNECT_TIMEOUT_MS = 5000;
/** Between attempts to get a lost connection back, ms; and as much again by chance. */
const RECONNECT_WAIT_MS = 500;
/** Servers are asked so often, and given up after two without an answer, ms: a dead machine says nothing. */
const PING_INTERVAL_MS = 5000;

export interface JetStreamConnection {
  connection: NatsConnection;
  manager: JetStreamManager;
}

/** @throws OvercallError `store-unreachable`, `store-not-allowed`, `store-without-jetstream`, `store-file-unusable` */
export async function connectToJetStream(place: NatsPlace): Promise<JetStreamConnection> {
  let connection: NatsConnection | null = null;
  try {
    connection = await connect(optionsFor(place));
    return { connection, manager: await jetstreamManager(connection, { timeout: place.patienceMs }) };
  } catch (cause) {
    await connection?.close();
    throw storeError(place, cause as Error);
  }
}

function optionsFor(place: NatsPlace): ConnectionOptions {
  const credentials = place.credentialsFile === null ? null : readGiven(place.credentialsFile);
  return {
    name: 'overcall-directory',
    servers: [...place.servers],
    ...(place.user === null ? {} : { user: place.user }),
    ...(place.password === null ? {} : { pass: place.password }),
    ...(credentials === null ? {} : { authenticator: credsAuthenticator(credentials) }),
    ...(place.isTls ? { tls: place.caFile === null ? {} : { ca: readGiven(place.caFile).toString() } } : {}),
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_WAIT_MS,
    reconnectJitter: RECONNECT_WAIT_MS,
    reconnectJitterTLS: RECONNECT_WAIT_MS,
    pingInterval: PING_INTERVAL_MS,
    // Passwords may be changed while the directory runs: it goes on trying.
    ignoreAuthErrorAbort: true,
  };
}

function readGiven(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new OvercallError('store-file-unusable', `${file} cannot be read (${code})`, { cause });
  }
}

/** What the library throws, for people. Nothing of what it says holds user or password. */
export function storeError(place: NatsPlace, cause: Error): OvercallError {
  if (cause instanceof OvercallError) return cause;
  if (cause instanceof AuthorizationError)
    return new OvercallError('store-not-allowed', `${place} refuses user or password of --store`, { cause });
  if (cause instanceof PermissionViolationError) {
    const message = `${place} does not let this user ${cause.operation} ${cause.subject}`;
    return new OvercallError('store-not-allowed', message, { cause });
  }
  if (cause.name === 'JetStreamNotEnabled' || isWithoutJetStream(cause)) {
    return new OvercallError('store-without-jetstream', `${place} has no JetStream`, { cause });
  }
  if (cause instanceof JetStreamApiError)
    return new OvercallError('store-unusable', `${place} says: ${cause.message}`, { cause });
  const reason = reasonOf(cause);
  return new OvercallError('store-unreachable', `no answer from ${place} (${reason})`, { cause });
}

function isWithoutJetStream(cause: Error): boolean {
  // Error 10039: not for this account. Nobody answers at all where it is not switched on.
  return (
    (cause instanceof JetStreamApiError && cause.code === 10_039) ||
    /jetstream (is )?not enabled/i.test(cause.message)
  );
}

function reasonOf(cause: Error): string {
  const inner = cause.cause as NodeJS.ErrnoException | undefined;
  return inner?.code ?? (cause as NodeJS.ErrnoException).code ?? cause.message.split('\n', 1)[0]!;
}
