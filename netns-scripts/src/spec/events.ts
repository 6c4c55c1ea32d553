import Type, { type Static, type TProperties } from 'typebox';
import { Link } from '../links/link-spec.ts';
import { dropFields } from './nodes.ts';

const at = Type.Number({
  minimum: 0,
  maximum: 3600,
  description: 'Seconds after the programs of the scenario were started, or after its call was answered.',
});

const timed = <const Do extends string, Fields extends TProperties>(
  word: Do,
  fields: Fields,
  description: string,
) => Type.Object({ at, do: Type.Literal(word), ...fields }, { additionalProperties: false, description });

const nat = Type.String({ description: 'A NAT.' });
const node = Type.String({ description: 'A host or a NAT.' });

/** Each kind of event by the word in `do`. */
export const EVENTS = {
  rebind: timed('rebind', { nat }, 'The NAT forgets its mappings and gives new ports.'),
  roam: timed(
    'roam',
    {
      host: Type.String({ description: 'The host that moves.' }),
      behind: Type.Optional(
        Type.String({ description: 'The NAT it moves to; without one, to the public segment.' }),
      ),
      address: Type.Optional(Type.String({ description: 'Its IPv4 address there.' })),
      address6: Type.Optional(
        Type.String({ description: 'Its IPv6 address there. Without one it has none any more.' }),
      ),
    },
    'A host leaves its network for another one.',
  ),
  renumber: timed(
    'renumber',
    { nat, address: Type.String({ description: 'Its new address outside.' }) },
    'The NAT gets another address outside, and forgets its mappings.',
  ),
  block: timed('block', dropFields, 'From now on these packets vanish, in this direction.'),
  unblock: timed('unblock', dropFields, 'Takes back a rule of "drop" or of "block" with the same fields.'),
  kill: timed('kill', { node }, 'SIGKILL to every program that runs there.'),
  freeze: timed(
    'freeze',
    { node },
    'SIGSTOP to every program that runs there: connections stay, nothing answers.',
  ),
  drain: timed('drain', { node }, 'The supernode that a "call" has started there is asked to empty itself.'),
  degrade: timed(
    'degrade',
    { node, link: Link },
    'The link of a node, which must have one under "links", gets another behaviour.',
  ),
  heal: timed('heal', {}, 'Takes back every "block", "unblock" and "degrade".'),
} as const;

export type TimedEvent = Static<(typeof EVENTS)[keyof typeof EVENTS]>;

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** Something that happens to a lab that stands. */
export type LabEvent = WithoutTime<TimedEvent>;
export type EventOf<Do extends LabEvent['do']> = Extract<LabEvent, { do: Do }>;
