import { connectControl, UdpSocket } from '@overcall/net';
import {
  type AddressPort,
  formatAddressPort,
  mappedAddressOf,
  parseAddressPort,
  readStunMessage,
  StunType,
  stunTransaction,
  TRANSACTION_ID_BYTES,
  writeStunMessage,
} from '@overcall/traversal';
import type { SupernodeMessage } from '@overcall/wire';
import { openFilesTrouble } from '../open-files.ts';
import type { SelfTestResult, SupernodeStatus } from '../options.ts';

const TIMEOUT_MS = 3000;
/** A request that is lost is repeated after this, and again after twice as long (RFC 8489, 6.2.1), ms. */
const STUN_RETRANSMIT_MS = 500;

/**
 * Tries a running supernode from this machine: STUN and a control connection at every public address. What it found out
 * about its host when it started comes with that.
 */
export async function selfTest(status: SupernodeStatus): Promise<SelfTestResult[]> {
  const stun = status.publicUdp.map((target) => checked('stun', target, askStun(parseAddressPort(target)!)));
  const control = status.publicControl.map((target) => checked('control', target, askHello(target, status)));
  const listed: SelfTestResult = {
    check: 'listed',
    target: status.directory.url,
    ok: status.ready,
    detail: status.ready ? `list version ${status.listVersion}` : 'not in the supernode list, or draining',
  };
  const host = status.host?.checks ?? [openFiles(status)];
  return [...(await Promise.all([...stun, ...control])), listed, ...host];
}

function openFiles({ maxOpenFiles, name }: SupernodeStatus): SelfTestResult {
  const trouble = openFilesTrouble(maxOpenFiles);
  return {
    check: 'open-files',
    target: name,
    ok: trouble === null,
    detail: trouble ?? (maxOpenFiles === null ? 'no limit is known' : `${maxOpenFiles} may be open`),
  };
}

async function checked(
  check: SelfTestResult['check'],
  target: string,
  work: Promise<string>,
): Promise<SelfTestResult> {
  try {
    return { check, target, ok: true, detail: await work };
  } catch (error) {
    return { check, target, ok: false, detail: (error as Error).message };
  }
}

async function askStun(target: AddressPort): Promise<string> {
  const transaction = stunTransaction(crypto.getRandomValues(new Uint8Array(TRANSACTION_ID_BYTES)));
  let onAnswer: (text: string) => void = () => {};
  const answered = new Promise<string>((resolve) => {
    onAnswer = resolve;
  });
  const any = target.address.includes(':') ? '::' : '0.0.0.0';
  const socket = await UdpSocket.bind({ address: any, port: 0 }, (datagram) => {
    const message = readStunMessage(datagram);
    const mapped = message?.type === StunType.BindingSuccess ? mappedAddressOf(message) : null;
    if (mapped) onAnswer(`mapped address ${formatAddressPort(mapped)}`);
  });
  const request = writeStunMessage({ type: StunType.BindingRequest, transaction, attributes: [] });
  const send = () => socket.send(request, target);
  const again = [STUN_RETRANSMIT_MS, 3 * STUN_RETRANSMIT_MS].map((afterMs) => setTimeout(send, afterMs));
  try {
    send();
    return await Promise.race([answered, timeout('no answer to STUN')]);
  } finally {
    for (const timer of again) clearTimeout(timer);
    await socket.close();
  }
}

async function askHello(target: string, status: SupernodeStatus): Promise<string> {
  let onHello: (message: SupernodeMessage) => void = () => {};
  const greeted = new Promise<SupernodeMessage>((resolve) => {
    onHello = resolve;
  });
  const link = await connectControl(
    { address: target, tlsSha256: [status.tlsSha256] },
    { onMessage: (message) => onHello(message), onClose: () => {} },
  );
  try {
    const hello = await Promise.race([greeted, timeout('no hello')]);
    if (hello.t !== 'hello' || hello.supernode !== status.id)
      throw new Error('another supernode answers there');
    return 'certificate and hello are right';
  } finally {
    link.close();
  }
}

function timeout(message: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    setTimeout(() => reject(new Error(message)), TIMEOUT_MS).unref();
  });
}
