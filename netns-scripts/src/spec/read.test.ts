import { expect, test } from 'vitest';
import { eventFromWords } from './event-words.ts';
import { readScenario } from './read.ts';

/** The complaint about a text, line by line. */
function complaints(text: string): string[] {
  try {
    readScenario(text, 'my.json');
  } catch (error) {
    expect(error).toMatchObject({ code: 'bad-scenario' });
    return (error as Error).message.split('\n');
  }
  return [];
}

const NAT =
  '{ "name": "n", "address": "198.51.100.1", "inside": "10.0.0.0/24", "mapping": "eim", "filtering": "eif" }';
const HOSTS =
  '"hosts": [{ "name": "a", "address": "203.0.113.1" }, { "name": "b", "address": "10.0.0.5", "behind": "n" }]';

test('a scenario without mistakes is what the text says', () => {
  const text = `{ "$schema": "x", ${HOSTS}, "nats": [${NAT}] }`;
  expect(readScenario(text, 'my.json')).toEqual(JSON.parse(text));
});

test('every mistake is reported with file, line and column', () => {
  const text = `{
  "hosts": [
    { "name": "a", "adress": "203.0.113.1" },
    { "name": "B", "address": "203.0.113.2" }
  ],
  "nats": [
    { "name": "n", "address": "198.51.100.1", "inside": "10.0.0.0/24",
      "mapping": "cone", "filtering": "eif", "ports": { "block": 3 } }
  ],
  "events": [{ "at": 1, "do": "rebnd" }, { "at": 1, "do": "rebind", "host": "a" }, { "at": 0 }],
  "colour": "red"
}`;
  expect(complaints(text)).toEqual([
    'my.json:3:5: /hosts/0: "address" or "address6" missing',
    'my.json:3:20: /hosts/0/adress: unknown field',
    'my.json:4:7: /hosts/1/name: must match pattern "^[a-z][a-z0-9-]{0,30}$"',
    'my.json:8:7: /nats/0/mapping: must be one of eim, adm, apdm',
    'my.json:8:46: /nats/0/ports: must be "preserve", "random", "sequential", {"sequential": step of 1 to 32} or {"block": 8 to 1024}',
    'my.json:10:25: /events/0/do: must be one of rebind, roam, renumber, block, unblock, kill, freeze, drain, degrade, heal',
    'my.json:10:42: /events/1: "nat" missing',
    'my.json:10:69: /events/1/host: unknown field',
    'my.json:10:84: /events/2: "do" is missing: one of rebind, roam, renumber, block, unblock, kill, freeze, drain, degrade, heal',
    'my.json:11:3: /colour: unknown field',
  ]);
});

test.for<[text: string, complaint: string]>([
  ['', 'my.json:1:1: this is not JSON: value expected'],
  ['{\n  "hosts": [],\n}', 'my.json:3:1: this is not JSON: property name expected'],
  ['{\n  // no\n  "hosts": [] }', 'my.json:2:3: this is not JSON: invalid comment token'],
  ['[]', 'my.json:1:1: /: must be object'],
])('of the text %j it says %s', ([text, complaint]) => {
  expect(complaints(text)[0]).toBe(complaint);
});

const withEvents = (events: string) => complaints(`{ ${HOSTS}, "nats": [${NAT}],\n"events": [${events}] }`);

test.for<[events: string, complaint: string]>([
  ['{ "at": 1, "do": "rebind", "nat": "a" }', 'there is no NAT "a"'],
  ['{ "at": 1, "do": "kill", "node": "c" }', 'there is no host or NAT "c"'],
  ['{ "at": 1, "do": "unblock", "from": "a", "to": "n" }', 'nothing is blocked from "a" to "n" like that'],
  ['{ "at": 1, "do": "block", "from": "a", "to": "b" }', '"b" is not a public node'],
  ['{ "at": 1, "do": "roam", "host": "b", "address": "203.0.113.1" }', '203.0.113.1 is taken'],
  [
    '{ "at": 1, "do": "roam", "host": "a", "behind": "n", "address": "10.0.1.5" }',
    '10.0.1.5 is not in 10.0.0.0/24',
  ],
  ['{ "at": 1, "do": "renumber", "nat": "n", "address": "203.0.113.1" }', '203.0.113.1 is taken'],
])('an event that is impossible when its time comes is refused: %s', ([event, complaint]) => {
  const [line] = withEvents(event);
  expect(line).toContain('my.json:2:12: /events/0: ');
  expect(line).toContain(complaint);
});

test('an event can be typed with addresses of both families, numbers and objects', () => {
  const roam = ['roam', 'host=a', 'behind=n', 'address6=2001:db8::5'];
  expect(eventFromWords(roam)).toEqual({ do: 'roam', host: 'a', behind: 'n', address6: '2001:db8::5' });
  expect(eventFromWords(['roam', 'host=a', 'address=10.0.0.5'])).toMatchObject({ address: '10.0.0.5' });
  expect(eventFromWords(['block', 'from=any', 'to=any', 'protocol=udp', 'port=53'])).toMatchObject({
    port: 53,
  });
  expect(eventFromWords(['degrade', 'node=a', 'link={"lossPct":3.5}'])).toMatchObject({
    link: { lossPct: 3.5 },
  });
  expect(() => eventFromWords(['roam', 'host=a'])).toThrow('"address" or "address6" missing');
});

test.for<[more: string, complaint: string]>([
  ['"call": { "from": "a", "to": "c" }', '/call/to: there is no host "c"'],
  ['"call": { "from": "a" }', '/call: "to" missing'],
  ['"call": { "from": "a", "to": "a" }', '/call/to: "a" cannot call itself'],
  ['"call": { "from": "a", "to": "b", "secs": 3 }', '/call/secs: unknown field'],
  ['"call": { "from": "a", "to": "b", "seconds": 0 }', '/call/seconds: must be >= 1'],
  ['"call": { "from": "a", "to": "b" }', '/call: needs a host "directory"'],
])('of a call %s it says %s', ([more, complaint]) => {
  const lines = complaints(`{ ${HOSTS}, "nats": [${NAT}],\n${more} }`);
  expect(lines).toContainEqual(expect.stringMatching(/^my\.json:2:\d+: /));
  expect(lines.join('\n')).toContain(complaint);
});

test('a call needs a supernode and has no programs beside it', () => {
  const hosts = HOSTS.replace('[', '[{ "name": "directory", "address": "203.0.113.9" }, ');
  const more = '"call": { "from": "a", "to": "b" }, "programs": []';
  const lines = complaints(`{ ${hosts}, "nats": [${NAT}], ${more} }`);
  expect(lines[0]).toContain('/call: needs a host whose name begins with "supernode"');
  expect(lines[1]).toContain('/programs: does not go together with "call"');
});

test('events are judged in the order of their times', () => {
  const unblock = '{ "at": 2, "do": "unblock", "from": "a", "to": "n" }';
  const block = (at: number) => `{ "at": ${at}, "do": "block", "from": "a", "to": "n" }`;
  expect(withEvents(`${unblock}, ${block(1)}`)).toEqual([]);
  expect(withEvents(`${unblock}, ${block(3)}`)).toHaveLength(1);
});
