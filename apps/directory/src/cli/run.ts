import { OvercallError } from '@overcall/wire';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type DirectoryOptions, type RunningDirectory, startDirectory } from '../start.ts';
import type { TlsChoice } from '../tls.ts';
import { dataDirOf } from './common.ts';
import { createLogger } from './logger.ts';
import { EXIT_INTERRUPTED, print } from './output.ts';
import { type Settings, wholeNumber } from './settings.ts';

/** Requests still being answered after this long are cut off. */
const STOP_TIMEOUT_MS = 5000;
const TEN_YEARS_S = 3650 * 86_400;

export function addRunOptions(command: Command): Command {
  return command
    .addOption(new Option('--listen <ip:port>', 'address to serve on').default('127.0.0.1:7070'))
    .addOption(new Option('--store <store>', 'where to keep the data').default('sqlite').argParser(storeName))
    .addOption(
      new Option('--registration <mode>', 'who may register')
        .choices(['open', 'invite', 'closed'])
        .default('open'),
    )
    .addOption(
      new Option('--admission <mode>', 'who becomes a supernode')
        .choices(['open', 'approved'])
        .default('open'),
    )
    .addOption(
      new Option('--certificate-lifetime <seconds>', 'of user certificates (default: 30 days)').argParser(
        wholeNumber(1, TEN_YEARS_S),
      ),
    )
    .addOption(
      new Option(
        '--rate-limit <n>',
        'requests a minute of one address (default: 300; 60000 for this host itself)',
      ).argParser(wholeNumber(1, 1e9)),
    )
    .addOption(
      new Option('--user-rate-limit <n>', 'lookups a minute of one user (default: 60)').argParser(
        wholeNumber(1, 1e9),
      ),
    )
    .addOption(new Option('--tls <self>', 'TLS with a certificate of its own').choices(['self']))
    .addOption(new Option('--tls-cert <file>', 'TLS with this certificate (PEM)'))
    .addOption(new Option('--tls-key <file>', 'and this key (PEM)'))
    .addOption(new Option('--insecure-http', 'plain HTTP on other addresses than loopback (for a lab)'))
    .addOption(new Option('--trust-proxy <cidrs>', 'proxies whose X-Forwarded-For is believed, with commas'));
}

function storeName(text: string): string {
  if (text !== 'sqlite') throw new InvalidArgumentError('this version keeps its data in sqlite only');
  return text;
}

/** Serves until it is told to stop. Returns the exit code. */
export async function run(settings: Settings): Promise<number> {
  const logger = createLogger(settings.logLevel as string);
  const stopped = stopSignal();
  const directory = await startDirectory({ ...directoryOptions(settings), logger, processMetrics: true });
  const { url, key, pinnedUrl } = directory;
  print(
    settings.json === true,
    { event: 'listening', at: Date.now(), url, key: key.x },
    `directory listening, for softphones and supernodes: --directory ${pinnedUrl}`,
  );
  const signal = await stopped;
  logger.info({ signal }, 'stopping');
  await stop(directory);
  return signal === 'SIGINT' ? EXIT_INTERRUPTED : 0;
}

function directoryOptions(settings: Settings): DirectoryOptions {
  const optional = {
    certificateLifetimeS: settings.certificateLifetime,
    requestsPerMinute: settings.rateLimit,
    userRequestsPerMinute: settings.userRateLimit,
    tls: tlsChoice(settings),
    trustProxy: (settings.trustProxy as string | undefined)?.split(',').map((part) => part.trim()),
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return {
    listen: settings.listen as string,
    dataDir: dataDirOf(settings),
    registration: settings.registration as NonNullable<DirectoryOptions['registration']>,
    admission: settings.admission as NonNullable<DirectoryOptions['admission']>,
    insecureHttp: settings.insecureHttp === true,
    ...(Object.fromEntries(given) as Partial<DirectoryOptions>),
  };
}

function tlsChoice(settings: Settings): TlsChoice | undefined {
  const certFile = settings.tlsCert as string | undefined;
  const keyFile = settings.tlsKey as string | undefined;
  if (certFile !== undefined && keyFile !== undefined && settings.tls === undefined)
    return { certFile, keyFile };
  if (certFile !== undefined || keyFile !== undefined) {
    throw new OvercallError('bad-option', '--tls-cert and --tls-key belong together, and exclude --tls self');
  }
  return settings.tls as 'self' | undefined;
}

/** The first SIGINT or SIGTERM; a second one ends the process as if nobody listened. */
function stopSignal(): Promise<'SIGINT' | 'SIGTERM'> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve('SIGINT'));
    process.once('SIGTERM', () => resolve('SIGTERM'));
  });
}

async function stop(directory: RunningDirectory): Promise<void> {
  const timer = setTimeout(() => directory.app.server.closeAllConnections(), STOP_TIMEOUT_MS);
  await directory.close();
  clearTimeout(timer);
}
