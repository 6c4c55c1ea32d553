import { request } from 'node:http';
import { ask } from './ask.ts';
import { SSDP_ADDRESS, SSDP_PORT } from './server-config.ts';

/** UPnP Device Architecture 2.0 section 1.3.2. Version 2 of a device answers for version 1, too. */
const SEARCH = [
  'M-SEARCH * HTTP/1.1',
  `HOST: ${SSDP_ADDRESS}:${SSDP_PORT}`,
  'MAN: "ssdp:discover"',
  'MX: 1',
  'ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  '\r\n',
].join('\r\n');

export interface Gateway {
  /** Where orders go to. */
  control: URL;
  /** Its name and version, as in `urn:schemas-upnp-org:service:WANIPConnection:2`. */
  service: string;
}

/** Finds the gateway of the network by multicast, reads its description; null if nobody answers. */
export async function findGateway(over: AbortSignal): Promise<Gateway | null> {
  const located = (packet: Buffer) => /^location:\s*(\S+)/im.exec(packet.toString())?.[1] ?? null;
  const location = await ask(SEARCH, [SSDP_ADDRESS, SSDP_PORT], located, over);
  if (location === null) return null;
  const { body } = await exchange('GET', new URL(location), {}, '', over);
  for (const [, text = ''] of body.matchAll(/<service>(.*?)<\/service>/gs)) {
    const [, service] = /<serviceType>\s*(\S+:WANIPConnection:\d+)\s*</.exec(text) ?? [];
    const [, path] = /<controlURL>\s*(\S+)\s*</.exec(text) ?? [];
    if (service && path) return { service, control: new URL(path, location) };
  }
  throw new Error(`the description at ${location} has no WANIPConnection`);
}

/** The fields of the answer, or the number of the error (WANIPConnection:2 section 2.5), 0 if it tells none. */
export type UpnpAnswer = { fields: Record<string, string> } | { error: number };

export async function order(
  { control, service }: Gateway,
  action: string,
  args: Record<string, string | number>,
  over: AbortSignal,
): Promise<UpnpAnswer> {
  const fields = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`);
  const envelope = `<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
<s:Body><u:${action} xmlns:u="${service}">${fields.join('')}</u:${action}></s:Body></s:Envelope>`;
  const headers = { 'content-type': 'text/xml; charset="utf-8"', soapaction: `"${service}#${action}"` };
  const { status, body } = await exchange('POST', control, headers, envelope, over);
  if (status !== 200) return { error: Number(/<errorCode>(\d+)</.exec(body)?.[1] ?? 0) };
  const answers = body.matchAll(/<(New\w+)[^>]*>([^<]*)<\/\1>/g);
  return { fields: Object.fromEntries([...answers].map(([, name, value]) => [name!, value!])) };
}

function exchange(
  method: string,
  url: URL,
  headers: Record<string, string>,
  content: string,
  signal: AbortSignal,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const length = Buffer.byteLength(content);
    const asked = request(url, { method, headers: { ...headers, 'content-length': length }, signal });
    asked.once('error', reject);
    asked.once('response', async (response) => {
      let body = '';
      try {
        for await (const chunk of response.setEncoding('utf8')) body += chunk;
        resolve({ status: response.statusCode ?? 0, body });
      } catch (error) {
        reject(error as Error);
      }
    });
    asked.end(content);
  });
}
