import { type AccessRules, accessRules, BYTES_PER_GB } from '@overcall/overlay';
import Type, { type Static } from 'typebox';

/** What an operator may change while the supernode runs; what is absent is as without the flag. */
export const OperatorRules = Type.Object({
  maxCalls: Type.Optional(Type.Integer({ minimum: 0 })),
  maxMbps: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
  maxGbMonth: Type.Optional(Type.Number({ minimum: 0 })),
  allow: Type.Optional(Type.Array(Type.String())),
  deny: Type.Optional(Type.Array(Type.String())),
});
export type OperatorRules = Static<typeof OperatorRules>;

export const monthLimitBytes = ({ maxGbMonth }: OperatorRules): number | null =>
  maxGbMonth === undefined ? null : maxGbMonth * BYTES_PER_GB;

/** Access rules of which there are others at times; whoever asks gets the answer of now. */
export class ChangingAccess implements AccessRules {
  #now = accessRules();
  counts = { allow: 0, deny: 0 };

  /** @throws OvercallError `bad-access-rule` */
  constructor(rules: OperatorRules) {
    this.change(rules);
  }

  /** Changes nothing when it throws. @throws OvercallError `bad-access-rule` */
  change({ allow = [], deny = [] }: OperatorRules): void {
    this.#now = accessRules(allow, deny);
    this.counts = { allow: allow.length, deny: deny.length };
  }

  mayAttach: AccessRules['mayAttach'] = (who) => this.#now.mayAttach(who);
  mayComeFrom: AccessRules['mayComeFrom'] = (address) => this.#now.mayComeFrom(address);
}
