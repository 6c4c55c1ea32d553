import { InvalidArgumentError } from 'commander';

/** What `--store` says. */
export type StoreChoice = 'sqlite' | NatsPlace;

/** A JetStream and the credentials for it, of which nothing is ever shown. */
export class NatsPlace {
  /** `host:port` of each server that was named. */
  readonly servers: readonly string[];
  readonly user: string | null;
  readonly password: string | null;
  readonly isTls: boolean;
  /** Several directories can share a NATS: each has streams of its own name. */
  readonly name: string;
  /** How many servers keep each record; null: as the streams are, one for new ones. */
  readonly replicas: number | null;
  /** File with a JWT and its seed, as `nsc` writes it. */
  readonly credentialsFile: string | null;
  /** PEM of the CA that signed the servers' certificates, where no public one has. */
  readonly caFile: string | null;
  /** Without an answer for so long NATS counts as lost, ms. */
  readonly patienceMs: number;

  constructor(parts: Omit<NatsPlace, 'toString' | 'toJSON'>) {
    this.servers = parts.servers;
    this.user = parts.user;
    this.password = parts.password;
    this.isTls = parts.isTls;
    this.name = parts.name;
    this.replicas = parts.replicas;
    this.credentialsFile = parts.credentialsFile;
    this.caFile = parts.caFile;
    this.patienceMs = parts.patienceMs;
  }

  /** For messages and logs: without user and password. */
  toString(): string {
    return `${this.isTls ? 'tls' : 'nats'}://${this.servers.join(',')}/${this.name}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

const FORM = /^(nats|tls):\/\/(?:([^@/?#]*)@)?([^@/?#]+)(?:\/([\w-]{1,32})?)?(?:\?([^#]*))?$/;
const DEFAULT_NAME = 'overcall';
const DEFAULT_PORT = 4222;
/** A server of the same site answers within milliseconds; a cluster that chooses a new leader takes a second or two. */
const DEFAULT_PATIENCE_S = 3;
/** What a stream of JetStream can have. */
const MAX_REPLICAS = 5;

/** For `--store`. @throws InvalidArgumentError */
export function parseStore(text: string): StoreChoice {
  if (text === 'sqlite') return text;
  const [, scheme, credentials, hosts, name, query] = FORM.exec(text) ?? [];
  if (hosts === undefined) throw new InvalidArgumentError('write sqlite, or nats://HOST:PORT');
  const options = optionsOf(query ?? '');
  const replicas = options.get('replicas') ?? null;
  if (
    replicas !== null &&
    !(/^\d$/.test(replicas) && Number(replicas) >= 1 && Number(replicas) <= MAX_REPLICAS)
  )
    throw new InvalidArgumentError(`replicas is a number from 1 to ${MAX_REPLICAS}`);
  const [user = null, password = null] = credentials === undefined ? [] : credentials.split(':').map(decoded);
  return new NatsPlace({
    servers: hosts.split(',').map(serverOf),
    user,
    password,
    isTls: scheme === 'tls' || options.has('ca'),
    name: name ?? DEFAULT_NAME,
    replicas: replicas === null ? null : Number(replicas),
    credentialsFile: options.get('creds') ?? null,
    caFile: options.get('ca') ?? null,
    patienceMs: patienceOf(options.get('patience')) * 1000,
  });
}

function optionsOf(query: string): Map<string, string> {
  const options = new Map(new URLSearchParams(query));
  for (const [name, value] of options) {
    if (!['replicas', 'creds', 'ca', 'patience'].includes(name))
      throw new InvalidArgumentError(
        `there is no ${JSON.stringify(name)}, but replicas, creds, ca and patience`,
      );
    if (value === '') throw new InvalidArgumentError(`${name} needs a value`);
  }
  return options;
}

function patienceOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PATIENCE_S;
  if (!/^[1-9]\d?$/.test(text))
    throw new InvalidArgumentError('patience is a number of seconds from 1 to 99');
  return Number(text);
}

function serverOf(text: string): string {
  const url = URL.parse(`http://${text}`);
  if (url === null || url.host === '' || url.pathname !== '/')
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not HOST:PORT`);
  // URL leaves out port 80, which nobody means here.
  const port = /:(\d+)$/.exec(text)?.[1] ?? String(DEFAULT_PORT);
  return `${url.hostname}:${port}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidArgumentError('a % in user or password is written %25');
  }
}
