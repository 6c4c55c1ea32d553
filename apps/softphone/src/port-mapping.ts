import { isLoopback, PortMapper, type PortMapperOptions, type UdpAddress } from '@overcall/net';
import type { SoftphoneOptions } from './softphone.ts';

/**
 * Has the router map the port of the IPv4 socket, where addresses may be shown to anybody at all; null where not. Not
 * where everything is on one machine either, as in a trial.
 */
export function startPortMapping(
  options: SoftphoneOptions,
  ipv4: { readonly address: UdpAddress } | null,
  onMapped: PortMapperOptions['onMapped'],
): PortMapper | null {
  const { portMapping, portMappingLeaseS: leaseS, path, exposeAddress, bindAddress: boundTo } = options;
  if (portMapping !== true || path === 'relay' || exposeAddress === 'never' || ipv4 === null) return null;
  if (isLoopback(new URL(options.profile.directory.url).hostname)) return null;
  const mapper = new PortMapper({ port: ipv4.address.port, boundTo, leaseS, onMapped });
  mapper.start();
  return mapper;
}
