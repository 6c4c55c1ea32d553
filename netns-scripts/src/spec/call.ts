import Type, { type Static } from 'typebox';
import type { LabSpec } from './schema.ts';
import type { Problem } from './shape.ts';

export const Call = Type.Object(
  {
    from: Type.String({ description: 'The host that calls.' }),
    to: Type.String({ description: 'The host that is called, and answers by itself.' }),
    seconds: Type.Optional(
      Type.Number({
        minimum: 1,
        maximum: 600,
        description: 'How long they talk before the caller hangs up. Default 8.',
      }),
    ),
    maxGapMs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 600_000,
        description: 'The longest time that either side may be without anything to play. Default: any.',
      }),
    ),
    leaves: Type.Optional(
      Type.Object(
        {
          supernode: Type.String({ description: 'A host with a supernode.' }),
          withinMs: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 600_000,
              description: 'So long after the first event, and from then on. Default: in the end.',
            }),
          ),
        },
        { additionalProperties: false, description: "What the caller's audio must not go over any more." },
      ),
    ),
    idle: Type.Optional(
      Type.Array(Type.String(), {
        maxItems: 8,
        uniqueItems: true,
        description: 'Hosts with a softphone that is attached before the call, and that nobody calls.',
      }),
    ),
    detaches: Type.Optional(
      Type.Object(
        {
          supernode: Type.String({ description: 'A host with a supernode.' }),
          withinMs: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 600_000,
              description: 'So long after the first event at the latest. Default: any time.',
            }),
          ),
        },
        {
          additionalProperties: false,
          description:
            'What every softphone gives up: the two of the call while it lasts, idle ones also afterwards.',
        },
      ),
    ),
    directory: Type.Optional(
      Type.Literal('killed', {
        description: 'SIGKILL to the directory when both are registered, before they attach.',
      }),
    ),
    lookup: Type.Optional(
      Type.Literal('afterwards', {
        description: 'The caller looks the other one up when the call is over, who must be found.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'A call between softphones of Overcall. The run starts a directory on the host "directory" and a supernode on ' +
      'each host whose name begins with "supernode". Events are then counted from the answer.',
  },
);

export type CallSpec = Static<typeof Call>;

const DIRECTORY = 'directory';

/** The hosts that get a supernode. */
export const supernodesOf = (spec: LabSpec): string[] =>
  spec.hosts.map(({ name }) => name).filter((name) => name.startsWith('supernode'));

/** Mistakes in the call of a scenario whose shape is right. */
export function callProblems(spec: LabSpec): Problem[] {
  const { call } = spec;
  if (call === undefined) return [];
  const problems: Problem[] = [];
  const report = (field: string, message: string) => problems.push({ field, message });
  const names = new Set(spec.hosts.map(({ name }) => name));
  for (const end of ['from', 'to'] as const)
    if (!names.has(call[end])) report(`/call/${end}`, `there is no host "${call[end]}"`);
  for (const word of ['leaves', 'detaches'] as const) {
    const { supernode, withinMs } = call[word] ?? {};
    if (supernode !== undefined && !supernodesOf(spec).includes(supernode))
      report(`/call/${word}/supernode`, `there is no supernode "${supernode}"`);
    if (withinMs !== undefined && (spec.events ?? []).length === 0)
      report(`/call/${word}/withinMs`, 'counts from the first event, and there is none');
  }
  (call.idle ?? []).forEach((host, index) => {
    if (!names.has(host)) report(`/call/idle/${index}`, `there is no host "${host}"`);
    if ([call.from, call.to].includes(host))
      report(`/call/idle/${index}`, `"${host}" is one of the two that talk`);
  });
  if (call.from === call.to) report('/call/to', `"${call.to}" cannot call itself`);
  if (!names.has(DIRECTORY)) report('/call', `needs a host "${DIRECTORY}"`);
  if (supernodesOf(spec).length === 0) report('/call', 'needs a host whose name begins with "supernode"');
  if (spec.programs) report('/programs', 'does not go together with "call"');
  return problems;
}
