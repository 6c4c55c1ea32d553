import Type, { type Static } from 'typebox';
import { Value } from 'typebox/value';

const Word = <Name extends string>(name: Name) => Type.Object({ do: Type.Literal(name) });

/** What a program may ask of a softphone, the words of the command line: one JSON object a line. */
const ControlRequest = Type.Union([
  Type.Object({ do: Type.Literal('call'), to: Type.String({ maxLength: 256 }) }),
  Word('answer'),
  Word('decline'),
  Word('hangup'),
  Word('mute'),
  Word('hold'),
  Type.Object({ do: Type.Literal('keys'), keys: Type.String({ pattern: '^[0-9*#]{1,64}$' }) }),
  Type.Object({ do: Type.Literal('do-not-disturb'), on: Type.Boolean() }),
  Type.Object({ do: Type.Literal('block'), name: Type.String({ maxLength: 256 }), on: Type.Boolean() }),
  Type.Object({
    do: Type.Literal('message'),
    to: Type.String({ maxLength: 256 }),
    text: Type.String({ maxLength: 4096 }),
  }),
  Word('contacts'),
  Word('status'),
]);
export type ControlRequest = Static<typeof ControlRequest>;

/** Marks the answer to a request; chosen by whoever asks. */
const Tagged = Type.Object({
  id: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Number()])),
});

export interface ControlLine {
  id?: string | number;
  request: ControlRequest | null;
}

/** A line as it came; `request` is null for what is no request. */
export function parseControlLine(line: string): ControlLine {
  try {
    const value: unknown = JSON.parse(line);
    const tag = Value.Check(Tagged, value) && value.id !== undefined ? { id: value.id } : {};
    return { ...tag, request: Value.Check(ControlRequest, value) ? value : null };
  } catch {
    return { request: null };
  }
}
