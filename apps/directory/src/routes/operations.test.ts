import { OvercallError } from '@overcall/wire';
import fastify, { LogController } from 'fastify';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { App, RouteContext } from './context.ts';
import { operationsRoutes } from './operations.ts';

it('an outage of the store is two lines of the log, however often /readyz is asked meanwhile', async () => {
  const lines: Record<string, unknown>[] = [];
  const logger = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  const app = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
  }) as unknown as App;
  const outage = { isOn: false };
  const ping = async () => {
    if (outage.isOn) throw new OvercallError('overloaded', 'the store is away');
  };
  const context = { store: { ping }, publisher: { current: async () => ({}) }, metrics: {} };
  operationsRoutes(app, context as unknown as RouteContext);
  const ask = async (times: number) => {
    const codes = new Set<number>();
    for (let n = 0; n < times; n++) codes.add((await app.inject('/readyz')).statusCode);
    return [...codes];
  };
  const said = () => lines.splice(0).flatMap(({ msg, reason }) => (msg === undefined ? [] : [[msg, reason]]));

  expect(await ask(3)).toEqual([200]);
  expect(said()).toEqual([]);
  for (let outages = 0; outages < 2; outages++) {
    outage.isOn = true;
    expect(await ask(3)).not.toContain(200);
    outage.isOn = false;
    expect(await ask(3)).toEqual([200]);
    expect(said()).toEqual([
      ['not ready', 'the store is away'],
      ['ready again', undefined],
    ]);
  }
  await app.close();
});
