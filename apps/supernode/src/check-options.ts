import { MAX_SUPERNODE_NAME_CHARS } from '@overcall/identity';
import { parseDirectoryUrl } from '@overcall/net';
import { accessRules, addressPolicy } from '@overcall/overlay';
import { OvercallError } from '@overcall/wire';
import { listenAddress, publicAddresses } from './listen-addresses.ts';
import type { SupernodeOptions } from './options.ts';

/**
 * All that can be said of options by themselves, before a folder is made or a socket opened for them.
 * @throws OvercallError `usage`, `bad-directory-url`, `bad-address`, `bad-allow-net`, `bad-access-rule`
 */
export function checkOptions(options: SupernodeOptions): void {
  const { name, directory, listen, tcpListen, admin, allow, deny, allowNets } = options;
  if (name.length === 0 || name.length > MAX_SUPERNODE_NAME_CHARS) {
    throw new OvercallError('usage', `--name has ${name.length} characters`, {
      remedy: `give one of 1 to ${MAX_SUPERNODE_NAME_CHARS}`,
    });
  }
  parseDirectoryUrl(directory);
  accessRules(allow, deny);
  addressPolicy(allowNets);
  const udp = listen.map((text) => listenAddress(text, '--listen'));
  const tcp = tcpListen?.map((text) => listenAddress(text, '--tcp-listen'));
  if (admin !== undefined) listenAddress(admin, '--admin');
  publicAddresses(options.publicAddresses, udp, '--listen');
  if (tcp !== undefined) publicAddresses(options.publicAddresses, tcp, '--tcp-listen');
}
