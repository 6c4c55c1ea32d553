import { type CertifiedDevice, canonicalUsername } from '@overcall/identity';
import { OvercallError } from '@overcall/wire';
import { type AddressPolicy, addressNets } from './address-policy.ts';

/** Whom an operator lets use a supernode. */
export interface AccessRules {
  /** Whether this user may attach. */
  mayAttach(who: Pick<CertifiedDevice, 'name' | 'identityKeyId'>): boolean;
  /** Whether softphones may come from this address. */
  mayComeFrom: AddressPolicy;
}

interface Side {
  names: Set<string>;
  keyIds: Set<string>;
  nets: string[];
}

/** SHA-256, base64url. No username is that long. */
const KEY_ID = /^[\w-]{43}$/;
/** What is an address and no network; four numbers with dots between them could be a username too. */
const ADDRESS = /^(\d+\.){3}\d+$|:/;

/**
 * Each rule is a username, an identity key id or a network (CIDR). A denial wins. Users are judged by the rules for users, addresses by
 * those for networks: once one user is allowed all others are refused, and once one network is allowed all other networks
 * are; with both, only those users from only those networks.
 * @throws OvercallError `bad-access-rule`
 */
export function accessRules(allow: readonly string[] = [], deny: readonly string[] = []): AccessRules {
  const [allowed, denied] = [sideOf('--allow', allow), sideOf('--deny', deny)];
  const hasUser = ({ names, keyIds }: Side, who: Pick<CertifiedDevice, 'name' | 'identityKeyId'>) =>
    names.has(who.name) || keyIds.has(who.identityKeyId);
  const allowsAllUsers = allowed.names.size + allowed.keyIds.size === 0;
  const [isAllowedNet, isDeniedNet] = [addressNets(allowed.nets), addressNets(denied.nets)];
  return {
    mayAttach: (who) => !hasUser(denied, who) && (allowsAllUsers || hasUser(allowed, who)),
    mayComeFrom: (address) => !isDeniedNet(address) && (allowed.nets.length === 0 || isAllowedNet(address)),
  };
}

function sideOf(flag: string, rules: readonly string[]): Side {
  const side: Side = { names: new Set(), keyIds: new Set(), nets: [] };
  for (const rule of rules) add(side, flag, rule);
  return side;
}

function add({ names, keyIds, nets }: Side, flag: string, rule: string): void {
  if (KEY_ID.test(rule)) {
    keyIds.add(rule);
    return;
  }
  try {
    if (rule.includes('/')) {
      addressNets([rule]);
      nets.push(rule);
    } else if (ADDRESS.test(rule)) {
      throw new OvercallError(
        'bad-access-rule',
        `an address is written as a network: ${rule}/${rule.includes(':') ? 128 : 32}`,
      );
    } else names.add(canonicalUsername(rule));
  } catch (cause) {
    if (!(cause instanceof OvercallError)) throw cause;
    const message = `${flag} "${rule}" is no username, key id or network: ${cause.message}`;
    throw new OvercallError('bad-access-rule', message, { cause });
  }
}
