export interface Opening {
  /** The configuration that was written. */
  file: string;
  ports: readonly number[];
}

const SYSTEM_FILE = '/etc/overcall/supernode.json';

/** What the operator does next: check, open the firewall, start. Both forms, as nobody knows which firewall is in use. */
export function setUpText({ file, ports }: Opening): string {
  const each = (line: (protocol: string, port: number) => string) =>
    ports.flatMap((port) => ['udp', 'tcp'].map((protocol) => line(protocol, port)));
  const copy = file === SYSTEM_FILE ? [] : [`  sudo install -D -m 600 ${file} ${SYSTEM_FILE}`];
  return [
    `wrote ${file}`,
    '',
    'Open the firewall, with nftables (rules that last go into /etc/nftables.conf):',
    ...each((protocol, port) => `  sudo nft add rule inet filter input ${protocol} dport ${port} accept`),
    'or with ufw:',
    ...each((protocol, port) => `  sudo ufw allow ${port}/${protocol}`),
    'and at your provider, if there is a firewall before the machine.',
    '',
    'Start it now and whenever the machine starts:',
    ...copy,
    '  sudo cp "$(npm root -g)/overcall-supernode/deploy/overcall-supernode.service" /etc/systemd/system/',
    '  sudo systemctl enable --now overcall-supernode',
    '',
    `Or by hand: overcall-supernode run --config ${file}`,
  ].join('\n');
}
