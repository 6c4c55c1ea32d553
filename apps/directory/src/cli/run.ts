import { collect, createLogger, createOutput, serviceExitCode, stopSignal, wholeNumber } from '@overcall/cli';
import { OvercallError } from '@overcall/wire';
import { type Command, Option } from 'commander';
import { type DirectoryOptions, type RunningDirectory, startDirectory } from '../start.ts';
import type { TlsChoice } from '../tls.ts';
import { dataDirOf, type Settings } from './settings.ts';

/** Requests still being answered after this long are cut off. */
const STOP_TIMEOUT_MS = 5000;
const TEN_YEARS_S = 3650 * 86_400;

export function addRunOptions(command: Command): Command {
  return command
    .addOption(new Option('--listen <ip:port>', 'address to serve on').default('127.0.0.1:7070'))
    .addOption(
      new Option('--registration <mode>', 'who registers')
        .choices(['open', 'invite', 'closed'])
        .default('open'),
    )
    .addOption(
      new Option('--supernodes <mode>', 'who becomes a supernode')
        .choices(['open', 'approved', 'invited'])
        .default('open'),
    )
    .addOption(
      new Option('--certificate-lifetime <s>', 'seconds, of a user (default 30 days)').argParser(
        wholeNumber(1, TEN_YEARS_S),
      ),
    )
    .addOption(
      new Option('--rate-limit <n>', 'requests a minute of an address (default 300)').argParser(
        wholeNumber(1, 1e9),
      ),
    )
    .addOption(
      new Option('--user-rate-limit <n>', 'lookups a minute of a user (default 60)').argParser(
        wholeNumber(1, 1e9),
      ),
    )
    .addOption(
      new Option('--supernode-limit <n>', 'new supernodes an hour of a network (default 10)').argParser(
        wholeNumber(1, 1e9),
      ),
    )
    .addOption(
      new Option('--allow-net <cidr>', 'private network with supernodes; repeats').argParser(collect),
    )
    .addOption(new Option('--tls <self>', 'TLS, own certificate').choices(['self']))
    .addOption(new Option('--tls-cert <file>', 'TLS with this certificate (PEM)'))
    .addOption(new Option('--tls-key <file>', 'and this key (PEM)'))
    .addOption(new Option('--insecure-http', 'plain HTTP beyond loopback (lab)'))
    .addOption(new Option('--trust-proxy <cidr>', 'believe its X-Forwarded-For; repeats').argParser(collect));
}

/** Serves until it is told to stop. Returns the exit code. */
export async function run(settings: Settings): Promise<number> {
  const logger = createLogger('overcall-directory', settings.logLevel);
  const stopped = stopSignal();
  const directory = await startDirectory({ ...directoryOptions(settings), logger, processMetrics: true });
  const { url, key, pinnedUrl } = directory;
  createOutput(settings.json).event(
    { event: 'listening', url, key: key.x },
    `directory listening, for softphones and supernodes: --directory ${pinnedUrl}`,
  );
  const signal = await stopped.promise;
  logger.info({ signal }, 'stopping');
  await stop(directory);
  stopped.dispose();
  return serviceExitCode(signal);
}

function directoryOptions(settings: Settings): DirectoryOptions {
  const optional = {
    certificateLifetimeS: settings.certificateLifetime,
    requestsPerMinute: settings.rateLimit,
    userRequestsPerMinute: settings.userRateLimit,
    growth: settings.supernodeLimit === undefined ? undefined : { supernodes: settings.supernodeLimit },
    tls: tlsChoice(settings),
    trustProxy: settings.trustProxy,
    allowNets: settings.allowNet,
  };
  const given = Object.entries(optional).filter(([, value]) => value !== undefined);
  return {
    listen: settings.listen,
    dataDir: dataDirOf(settings),
    store: settings.store,
    registration: settings.registration,
    admission: settings.supernodes,
    insecureHttp: settings.insecureHttp === true,
    ...(Object.fromEntries(given) as Partial<DirectoryOptions>),
  };
}

function tlsChoice({ tls, tlsCert, tlsKey }: Settings): TlsChoice | undefined {
  if (tlsCert !== undefined && tlsKey !== undefined && tls === undefined)
    return { certFile: tlsCert, keyFile: tlsKey };
  if (tlsCert !== undefined || tlsKey !== undefined) {
    throw new OvercallError('usage', '--tls-cert and --tls-key belong together, and exclude --tls self', {
      remedy: 'give both and no --tls, or --tls self alone',
    });
  }
  return tls;
}

async function stop(directory: RunningDirectory): Promise<void> {
  const timer = setTimeout(() => directory.app.server.closeAllConnections(), STOP_TIMEOUT_MS);
  await directory.close();
  clearTimeout(timer);
}
