import { collect, decimalNumber, wholeNumber } from '@overcall/cli';
import { type Command, Option } from 'commander';
import type { OperatorRules } from '../operator-rules.ts';

/** Limits, and who may use it: for `run`, and for `reload`, which changes them while it runs. */
export function addRuleOptions(command: Command): Command {
  return command
    .addOption(new Option('--max-calls <n>', 'calls relayed at once').argParser(wholeNumber(0, 1_000_000)))
    .addOption(new Option('--max-mbps <n>', 'Mbit/s relayed').argParser(decimalNumber(0.1, 100_000)))
    .addOption(
      new Option('--max-gb-month <n>', 'GB relayed in a month (UTC)').argParser(decimalNumber(0, 1_000_000)),
    )
    .addOption(new Option('--allow <who>', 'only this user, key id or CIDR; repeats').argParser(collect))
    .addOption(new Option('--deny <who>', 'not this one, even if allowed; repeats').argParser(collect));
}

/** Those of them that were given. */
export function givenRules({ maxCalls, maxMbps, maxGbMonth, allow, deny }: OperatorRules): OperatorRules {
  return {
    ...(maxCalls === undefined ? {} : { maxCalls }),
    ...(maxMbps === undefined ? {} : { maxMbps }),
    ...(maxGbMonth === undefined ? {} : { maxGbMonth }),
    ...(allow ? { allow } : {}),
    ...(deny ? { deny } : {}),
  };
}

/** What is in force, for people. */
export function rulesText({ maxCalls, maxMbps, maxGbMonth, allow = [], deny = [] }: OperatorRules): string {
  const limits = [
    ['max-calls', maxCalls],
    ['max-mbps', maxMbps],
    ['max-gb-month', maxGbMonth],
  ].map(([name, value]) => `${name} ${value ?? 'not set'}`);
  return `${limits.join(', ')}; ${allow.length} allowed, ${deny.length} denied`;
}
