import { Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, it, vi } from 'vitest';
import { PortMapper } from './port-mapper.ts';

/** The address is not this machine's, so that nothing can be bound to it, nor sent. */
vi.mock('./default-gateway.ts', () => ({
  findDefaultGateway: () => ({ gateway: '10.255.255.1', localAddress: '10.255.255.254' }),
}));

const bound = vi.spyOn(Socket.prototype, 'bind');
const mapper = new PortMapper({ port: 1, onMapped: () => {} });
afterEach(() => mapper.close());

it('tries again, at the same gateway too, when that could not be reached, but not while it tries', async () => {
  mapper.start();
  mapper.start();
  expect(bound).toHaveBeenCalledTimes(1);
  await once(bound.mock.contexts[0] as Socket, 'error');
  mapper.start();
  expect(bound).toHaveBeenCalledTimes(2);
});
