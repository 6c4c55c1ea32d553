import type { AddressInfo } from 'node:net';
import {
  type KeyId,
  publicKeyOf,
  type SigningPublicKey,
  USER_CERTIFICATE_LIFETIME_S,
} from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import { type Logger, pino } from 'pino';
import { openDataDir } from './data-dir.ts';
import { DialBackDesk } from './dial-back-desk.ts';
import { type GrowthLimits, ListGrowth } from './list-growth.ts';
import { ListPublisher } from './list-publisher.ts';
import {
  checkProxies,
  formatAddress,
  isLoopback,
  type ListenAddress,
  parseListenAddress,
} from './listen-address.ts';
import { createMetrics } from './metrics.ts';
import type { LedgerOptions } from './nats/log-ledger.ts';
import { type RegistrationMode, Registry } from './registry.ts';
import { MINUTE_MS, RequestLimiter } from './request-limiter.ts';
import type { App } from './routes/context.ts';
import { buildServer } from './server.ts';
import { StatementSigner } from './statement.ts';
import { ReportDesk } from './status/report-desk.ts';
import type { StoreChoice } from './store-choice.ts';
import { openServingStore, type ServingStore } from './store-opening.ts';
import type { AdmissionMode } from './supernode-policy.ts';
import { loadTls, type TlsChoice } from './tls.ts';
import { WitnessLiveness } from './witness-liveness.ts';

export interface DirectoryOptions {
  /** `IP:PORT` or `[IP]:PORT`; default a free port on loopback. */
  listen?: string;
  /** Absent: everything is forgotten at the end, the key too. */
  dataDir?: string;
  /** Where users, supernodes and so on are kept; default SQLite in `dataDir`. */
  store?: StoreChoice;
  registration?: RegistrationMode;
  /** Who becomes a supernode. */
  admission?: AdmissionMode;
  /** Whether others have to reach a supernode before it is listed; default true. */
  dialBack?: boolean;
  /** CIDR blocks besides public ones in which this directory looks whether a supernode is alive; loopback if it is there. */
  allowNets?: string[];
  certificateLifetimeS?: number;
  /** Requests a minute of one address; default 300, and 60,000 for this host itself. */
  requestsPerMinute?: number;
  /** Lookups and revocations a minute of one user; default 60. */
  userRequestsPerMinute?: number;
  /** What one network may add to the supernode list in an hour; default 10 supernodes, 60 revocations. */
  growth?: Partial<GrowthLimits>;
  tls?: TlsChoice;
  /** Allow plain HTTP on other addresses than loopback. */
  insecureHttp?: boolean;
  trustProxy?: string[];
  /** Milliseconds since 1970. */
  now?: () => number;
  logger?: Logger;
  /** Whether /metrics also tells about the process: for one directory in a process. */
  processMetrics?: boolean;
}

export interface RunningDirectory {
  url: string;
  key: SigningPublicKey;
  keyId: KeyId;
  /** `URL#KEY`: what a softphone is given to pin the key beforehand. */
  pinnedUrl: string;
  /** For tests: requests without a socket. */
  app: App;
  /** Answers what has been asked and stops. */
  close(): Promise<void>;
}

const REQUESTS_PER_MINUTE = 300;
const LOOPBACK_REQUESTS_PER_MINUTE = 60_000;
const USER_REQUESTS_PER_MINUTE = 60;
/** The operator of ten supernodes in one network starts them within an hour. */
const LOOPBACK_NETS = ['127.0.0.0/8', '::1/128'];
const GROWTH_LIMITS: GrowthLimits = { supernodes: 10, revocations: 60 };

/** Starts a directory in this process. @throws OvercallError when it cannot */
export async function startDirectory(options: DirectoryOptions = {}): Promise<RunningDirectory> {
  const address = parseListenAddress(options.listen ?? '127.0.0.1:0');
  checkProxies(options.trustProxy ?? []);
  if (options.tls === undefined && !isLoopback(address.host) && options.insecureHttp !== true) {
    throw new OvercallError('usage', `--listen ${formatAddress(address)} is not loopback`, {
      remedy: 'use --tls self, --tls-cert and --tls-key, or --insecure-http',
    });
  }
  const dataDir = options.dataDir === undefined ? null : openDataDir(options.dataDir);
  const logger = options.logger ?? pino({ level: 'silent' });
  const undo: (() => unknown)[] = [];
  try {
    const readTls = async () => (options.tls === undefined ? null : loadTls(options.tls, dataDir));
    const { serving, prepared: tls } = await openServingStore(
      options.store ?? 'sqlite',
      dataDir,
      readTls,
      storeEvents(logger),
    );
    undo.unshift(() => serving.close());
    const { signer } = serving;
    const app = await buildServer({
      context: createContext(serving, tls?.sha256 ?? null, {
        ...options,
        allowNets: [...(options.allowNets ?? []), ...(isLoopback(address.host) ? LOOPBACK_NETS : [])],
      }),
      logger,
      requestsPerMinute: requestLimit(options.requestsPerMinute),
      trustProxy: options.trustProxy ?? [],
      tls: tls === null ? null : { cert: tls.certificate, key: tls.key },
    });
    undo.unshift(() => app.close());
    const url = `${tls === null ? 'http' : 'https'}://${formatAddress(await listen(app, address))}`;
    const key = publicKeyOf(signer.key);
    const close = () => undoAll(undo);
    return { url, key, keyId: signer.keyId, pinnedUrl: `${url}#${key.x}`, app, close };
  } catch (error) {
    await undoAll(undo);
    throw error;
  }
}

function createContext(
  { store, signer, ...serving }: ServingStore,
  tlsSha256: string | null,
  options: DirectoryOptions & { allowNets: string[] },
) {
  const now = options.now ?? Date.now;
  const registration = options.registration ?? 'open';
  const challenges = serving.challenges(now);
  const publisher = new ListPublisher(store, signer, now);
  const registry = new Registry({
    store,
    signer,
    challenges,
    publisher,
    userLimiter: new RequestLimiter(
      options.userRequestsPerMinute ?? USER_REQUESTS_PER_MINUTE,
      MINUTE_MS,
      now,
    ),
    growth: new ListGrowth({ ...GROWTH_LIMITS, ...options.growth }, now),
    registration,
    admission: options.admission ?? 'open',
    dialBack:
      options.dialBack === false
        ? null
        : new DialBackDesk({
            store,
            signer,
            liveness: new WitnessLiveness({ allowNets: options.allowNets, now }),
            now,
          }),
    certificateLifetimeS: options.certificateLifetimeS ?? USER_CERTIFICATE_LIFETIME_S,
    now,
  });
  const statement = new StatementSigner(signer, { registration, tlsSha256 }, now);
  const metrics = createMetrics({ process: options.processMetrics ?? false });
  const reports = new ReportDesk(store, signer, now);
  serving.reports?.listen((report) => reports.take(report));
  const tellReport = (report: string) => serving.reports?.tell(report);
  return { registry, challenges, publisher, statement, store, metrics, reports, tellReport, now };
}

function storeEvents(logger: Logger): LedgerOptions {
  return {
    onTrouble: (err) => logger.error({ err }, 'records of the store cannot be read'),
    onLost: (err) => logger.error({ err }, 'the store does not answer; serving from memory'),
    onBack: () => logger.info('the store answers again'),
  };
}

function requestLimit(perMinute: number | undefined): (address: string) => number {
  return (address) => perMinute ?? (isLoopback(address) ? LOOPBACK_REQUESTS_PER_MINUTE : REQUESTS_PER_MINUTE);
}

async function listen(app: App, address: ListenAddress): Promise<ListenAddress> {
  try {
    await app.listen(address);
  } catch (cause) {
    throw listenError(address, cause as NodeJS.ErrnoException);
  }
  return { host: address.host, port: (app.server.address() as AddressInfo).port };
}

function listenError(address: ListenAddress, cause: NodeJS.ErrnoException): OvercallError {
  const where = formatAddress(address);
  if (cause.code === 'EADDRINUSE')
    return new OvercallError('port-in-use', `${where} is in use by another program`);
  return new OvercallError('cannot-listen', `cannot listen on ${where}: ${cause.code ?? cause.message}`, {
    cause,
  });
}

async function undoAll(steps: (() => unknown)[]): Promise<void> {
  for (const step of steps.splice(0)) await step();
}
