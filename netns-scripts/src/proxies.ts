import type { Ground } from './ground.ts';
import { PROXY_PORT } from './internet-rules.ts';
import { firstLine, ownProgram } from './own-program.ts';
import type { LabSpec } from './spec.ts';

/**
 * What tells a program behind such a firewall of its proxy, as people set it: one variable for all protocols. Empty
 * anywhere else.
 */
export function proxyEnvironment(
  spec: LabSpec,
  node: string,
  addressOf: (node: string) => string,
): Record<string, string> {
  const way = [node];
  for (let at = behind(spec, node); at !== undefined; at = behind(spec, at)) way.push(at);
  const firewall = (spec.firewalls ?? []).find(({ at, proxy }) => proxy !== undefined && way.includes(at));
  if (firewall?.proxy === undefined) return {};
  const address = addressOf(firewall.proxy);
  const host = address.includes(':') ? `[${address}]` : address;
  return { all_proxy: `http://${host}:${firewall.proxyPort ?? PROXY_PORT}` };
}

const behind = ({ hosts, nats = [] }: LabSpec, node: string): string | undefined =>
  [...hosts, ...nats].find(({ name }) => name === node)?.behind;

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
