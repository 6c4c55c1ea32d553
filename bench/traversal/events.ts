/**
 * What happens to calls when networks change under them, over random pairs of simulated networks. Run with
 * `node bench/traversal/events.ts [--calls 200] [--delay MS]`; without a delay the access links are random ones of up to 80 ms
 * each way. Put what it prints into SIMULATION.md beside it.
 */
import { cpus, platform } from 'node:os';
import { parseArgs } from 'node:util';
import { CALL_EVENTS, type CallEvent, playEvents } from '@overcall/sim/call-events';
import { percentile } from '../percentile.ts';

const { values } = parseArgs({
  options: { calls: { type: 'string', default: '200' }, delay: { type: 'string' } },
});
const calls = Number(values.calls);
const delay = values.delay === undefined ? {} : { delayMs: Number(values.delay) };

const machine = `${cpus()[0]?.model}, ${cpus().length} cores, ${platform()}, Node ${process.version}`;
process.stdout.write(`${new Date().toISOString().slice(0, 10)}, ${machine}\n\n`);
const links = delay.delayMs === undefined ? 'random links' : `links of ${delay.delayMs} ms`;
process.stdout.write(`${calls} calls each, ${links}\n\n`);
process.stdout.write(
  '| event | gap p50 | p95 | max | left p50 | p95 | switches p95 | max | missing p95 | copies p50 | both direct at the end | faults |\n',
);
process.stdout.write('|---|---|---|---|---|---|---|---|---|---|---|---|\n');
for (const event of Object.keys(CALL_EVENTS) as CallEvent[]) {
  const verdicts = playEvents(event, { calls, ...delay });
  const of = (figure: (verdict: (typeof verdicts)[number]) => number, share: number): number =>
    Math.round(percentile(verdicts.map(figure), share));
  const ms = (value: number): string => (Number.isFinite(value) ? `${value} ms` : 'never');
  const columns = [
    event,
    ...[0.5, 0.95, 1].map((share) => ms(of(({ gapMs }) => gapMs, share))),
    ...[0.5, 0.95].map((share) => ms(of(({ leftAfterMs }) => leftAfterMs, share))),
    ...[0.95, 1].map((share) => of(({ switches }) => switches, share)),
    of(({ missing }) => missing, 0.95),
    `${of(({ copiesPct }) => copiesPct, 0.5)}%`,
    verdicts.filter(({ endsOn }) => endsOn.every((kind) => kind === 'direct')).length,
    verdicts.filter(({ faults }) => faults.length > 0).length,
  ];
  process.stdout.write(`| ${columns.join(' | ')} |\n`);
}
