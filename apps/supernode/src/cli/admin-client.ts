import { OvercallError } from '@overcall/wire';
import { OPERATOR_HEADER } from '../admin.ts';
import type { OperatorRules } from '../operator-rules.ts';
import type { SupernodeStatus } from '../options.ts';

const TIMEOUT_MS = 5000;

/** @throws OvercallError `bad-address`, `supernode-unreachable` */
export async function fetchStatus(admin: string): Promise<SupernodeStatus> {
  return (await ask(admin, 'GET', '/status')) as SupernodeStatus;
}

export async function requestDrain(admin: string): Promise<void> {
  await ask(admin, 'POST', '/drain');
}

/** Returns how many softphones were detached. */
export async function sendRules(admin: string, rules: OperatorRules): Promise<number> {
  const { detached } = (await ask(admin, 'POST', '/rules', rules)) as { detached: number };
  return detached;
}

/** A name will do as well as an IP address; what has no port is some other mistake. */
function adminUrl(admin: string, path: string): URL {
  const url = /:\d+$/.test(admin) ? URL.parse(path, `http://${admin}`) : null;
  if (url !== null) return url;
  throw new OvercallError('bad-address', `--admin "${admin}" is not IP:PORT such as 127.0.0.1:7481`);
}

async function ask(admin: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const url = adminUrl(admin, path);
  try {
    const answer = await fetch(url, {
      method,
      headers: {
        [OPERATOR_HEADER]: '1',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return await answer.json();
  } catch (cause) {
    throw new OvercallError('supernode-unreachable', `no supernode answers at the admin address ${admin}`, {
      cause,
      remedy: 'give the --admin of one that runs',
    });
  }
}
