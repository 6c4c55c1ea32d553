import { isLoopback, PortMapper, type PortMapperOptions, type UdpAddress } from '@overcall/net';
import type { SoftphoneOptions } from './softphone-options.ts';

/** With a directory on this machine, everything else is there, too: the router is of no use and is left alone. */
export const isTrial = (directoryUrl: string): boolean => isLoopback(new URL(directoryUrl).hostname);

/**
 * Has the router map the port of the IPv4 socket, where addresses may be shown to anybody at all; null where not. Not
 * in a trial either.
 */
export function startPortMapping(
  options: SoftphoneOptions,
  ipv4: { readonly address: UdpAddress } | null,
  onMapped: PortMapperOptions['onMapped'],
): PortMapper | null {
  const { portMapping, portMappingLeaseS: leaseS, path, exposeAddress, bindAddress: boundTo } = options;
  if (portMapping !== true || path === 'relay' || exposeAddress === 'never' || ipv4 === null) return null;
  if (isTrial(options.profile.directory.url)) return null;
  const mapper = new PortMapper({ port: ipv4.address.port, boundTo, leaseS, onMapped });
  mapper.start();
  return mapper;
}
