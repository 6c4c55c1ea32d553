import type { Ground } from './ground.ts';
import { PROXY_PORT } from './internet-rules.ts';
import { firstLine, ownProgram } from './own-program.ts';
import type { LabSpec } from './spec.ts';

/** Starts the proxies that firewalls leave as the only way out; resolves when they listen. */
export async function startProxies(ground: Ground, spec: LabSpec): Promise<void> {
  const endpoints = new Set(
    (spec.firewalls ?? []).flatMap(({ proxy, proxyPort = PROXY_PORT }) =>
      proxy === undefined ? [] : [`${proxy} ${proxyPort}`],
    ),
  );
  await Promise.all(
    [...endpoints].map(async (endpoint) => {
      const [host, port] = endpoint.split(' ') as [string, string];
      const child = ground.spawnService(host, [...ownProgram('connect-proxy'), port]);
      await firstLine(child, `the proxy on "${host}"`);
      for (const stream of [child, ...child.stdio]) (stream as unknown as { unref(): void }).unref();
    }),
  );
}
