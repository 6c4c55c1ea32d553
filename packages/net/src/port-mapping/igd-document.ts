import { XMLParser } from 'fast-xml-parser';

/** What can map ports (UPnP WANIPConnection:2 and :1, WANPPPConnection:1), best first. */
const SERVICES = ['WANIPConnection:2', 'WANIPConnection:1', 'WANPPPConnection:1'].map(
  (name) => `urn:schemas-upnp-org:service:${name}`,
);
/** Root device, WAN device, WAN connection device, and lists around each: deeper nothing is looked for. */
const MAX_DEPTH = 16;

const parser = new XMLParser({ removeNSPrefix: true, parseTagValue: false, trimValues: true });

export interface IgdService {
  /** With its version: `urn:schemas-upnp-org:service:WANIPConnection:1`. */
  type: string;
  /** Perhaps relative to where the description was. */
  controlUrl: string;
}

/** The service in a device description (UPnP Device Architecture 2.0, 2.3) that maps ports; null when there is none. */
export function readDescription(xml: string): IgdService | null {
  const found = new Map<string, IgdService>();
  collect(parse(xml), found, 0);
  return SERVICES.flatMap((type) => found.get(type) ?? [])[0] ?? null;
}

function collect(node: unknown, found: Map<string, IgdService>, depth: number): void {
  if (typeof node !== 'object' || node === null || depth > MAX_DEPTH) return;
  const { serviceType: type, controlURL: controlUrl } = node as Record<string, unknown>;
  if (typeof type === 'string' && typeof controlUrl === 'string' && !found.has(type))
    found.set(type, { type, controlUrl });
  for (const child of Object.values(node)) collect(child, found, depth + 1);
}

/** An order to a service, in SOAP (UPnP Device Architecture 2.0, 3.2.1). Values are numbers and addresses. */
export function writeOrder(service: string, action: string, fields: Record<string, string | number>): string {
  const inside = Object.entries(fields).map(
    ([name, value]) => `<${name}>${escapeText(String(value))}</${name}>`,
  );
  return `<?xml version="1.0"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">
<s:Body><u:${action} xmlns:u="${service}">${inside.join('')}</u:${action}></s:Body></s:Envelope>`;
}

const escapeText = (text: string): string => text.replace(/[<&>]/g, (char) => `&#${char.charCodeAt(0)};`);

/** The fields of an answer, or the number of the error (WANIPConnection:2, 2.5); 0 when there is none to be found. */
export type IgdAnswer = { fields: Record<string, string> } | { error: number };

export function readAnswer(xml: string, action: string): IgdAnswer {
  const body = child(child(parse(xml), 'Envelope'), 'Body');
  const code = child(child(child(child(body, 'Fault'), 'detail'), 'UPnPError'), 'errorCode');
  if (code !== undefined) return { error: Number(code) || 0 };
  const answer = child(body, `${action}Response`);
  if (answer === undefined) return { error: 0 };
  const fields = Object.entries(typeof answer === 'object' ? answer! : {});
  return { fields: Object.fromEntries(fields.filter(([, value]) => typeof value === 'string')) };
}

function child(node: unknown, name: string): unknown {
  return typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[name] : undefined;
}

/** Null for what is no XML, and for documents with definitions of their own, which no router needs. */
function parse(xml: string): unknown {
  if (xml.includes('<!DOCTYPE')) return null;
  try {
    return parser.parse(xml);
  } catch {
    return null;
  }
}
