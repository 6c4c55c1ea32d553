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

export const DIRECTORY = 'directory';

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
  if (call.leaves && !supernodesOf(spec).includes(call.leaves.supernode))
    report('/call/leaves/supernode', `there is no supernode "${call.leaves.supernode}"`);
  if (call.leaves?.withinMs !== undefined && (spec.events ?? []).length === 0)
    report('/call/leaves/withinMs', 'counts from the first event, and there is none');
  if (call.from === call.to) report('/call/to', `"${call.to}" cannot call itself`);
  if (!names.has(DIRECTORY)) report('/call', `needs a host "${DIRECTORY}"`);
  if (supernodesOf(spec).length === 0) report('/call', 'needs a host whose name begins with "supernode"');
  if (spec.programs) report('/programs', 'does not go together with "call"');
  return problems;
}
