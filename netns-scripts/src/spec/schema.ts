import Type, { type Static } from 'typebox';
import { NodeLink } from '../links/link-spec.ts';
import { Call } from './call.ts';
import { EVENTS, type TimedEvent } from './events.ts';
import { Drop, Firewall, Host, Nat } from './nodes.ts';

const closed = { additionalProperties: false } as const;

const Program = Type.Object(
  {
    on: Type.String({ description: 'The node it runs on.' }),
    run: Type.Array(Type.String(), {
      minItems: 1,
      description: 'Program and arguments. The environment has LAB_ADDRESS_NAME of every node, and LAB_FILE.',
    }),
    expectExit: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 255,
        description:
          'The run waits for its end and wants this exit code. Without it, it is ended (SIGTERM) when the others are done.',
      }),
    ),
  },
  closed,
);

const Expectation = Type.Object(
  {
    between: Type.Tuple([Type.String(), Type.String()], { description: 'Two hosts.' }),
    path: Type.Unsafe<'direct' | 'relay'>({
      ...Type.Enum(['direct', 'relay']),
      description:
        'Whether hole punching without guessing ports, or a port that a NAT maps on request, can connect them.',
    }),
  },
  closed,
);

/** A scenario: a network, what happens to it, what runs in it. Plain JSON. */
export const LabSpec = Type.Object(
  {
    $schema: Type.Optional(Type.String({ description: 'Where an editor finds this schema.' })),
    name: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9:,._-]{0,79}$',
        description: 'What results are named after. Default: the name of the file.',
      }),
    ),
    about: Type.Optional(Type.String({ description: 'One line for people.' })),
    hosts: Type.Array(Host, { description: 'Where programs run.' }),
    nats: Type.Optional(
      Type.Array(Nat, {
        description: 'NATs, which hosts and other NATs stand behind; also routers of IPv6.',
      }),
    ),
    firewalls: Type.Optional(
      Type.Array(Firewall, { description: 'They guard the way out of a host or NAT.' }),
    ),
    drop: Type.Optional(
      Type.Array(Drop, {
        description: 'Packets that vanish in the middle of the network, one direction each.',
      }),
    ),
    links: Type.Optional(
      Type.Array(NodeLink, {
        description: 'Delay, loss, bandwidth and so on, between a node and whatever it stands behind.',
      }),
    ),
    programs: Type.Optional(
      Type.Array(Program, { description: 'Started together, in this order, once the NATs are proven.' }),
    ),
    call: Type.Optional(Call),
    timeoutS: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3600,
        description: 'How long a run waits for the programs with "expectExit". Default 60.',
      }),
    ),
    events: Type.Optional(
      Type.Array(Type.Unsafe<TimedEvent>(Type.Union(Object.values(EVENTS))), {
        description: 'What happens to the network meanwhile, each at its time.',
      }),
    ),
    expect: Type.Optional(
      Type.Array(Expectation, { description: 'Which hosts can connect directly, and which need a relay.' }),
    ),
  },
  closed,
);

export type LabSpec = Static<typeof LabSpec>;
export type ProgramSpec = Static<typeof Program>;

/** What is published as scenario.schema.json. */
export function scenarioSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'A scenario of the NAT lab',
    ...(JSON.parse(JSON.stringify(LabSpec)) as object),
  };
}
