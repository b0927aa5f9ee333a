import { type Address, formatAddress } from '../cluster/instance.ts';
import type { EngineName } from '../engines/engine.ts';
import { printable } from './excerpt.ts';
import type { TlsMode } from './tls.ts';

/** What a first configuration of one cluster says, beside what everybody may want to know of it. */
export interface StarterPlan {
  readonly engine: EngineName;
  readonly cluster: string;
  /** About the whole, at the top: what was found, and what was not. */
  readonly remarks: readonly string[];
  readonly admin: Address;
  readonly stateDir: string;
  readonly monitor: {
    readonly user: string;
    /** PostgreSQL only. */
    readonly database: string | null;
    readonly password: StarterPassword;
  };
  readonly serverTls: { readonly mode: TlsMode; readonly ca: string | null } | null;
  readonly mode: 'automatic' | 'observe';
  /** Why it is not `automatic` though that was wished for; null: it was not, or it is. */
  readonly whyObserve: string | null;
  /** As whom the replicas log in at their source; null: unknown. */
  readonly replicationUser: string | null;
  /** The servers wait for each other, so that a write quorum would fit; null: they do not. */
  readonly quorum: { readonly copies: number; readonly writeQuorum: number } | null;
  /** The instances go by the names under which they acknowledge commits. */
  readonly namesAcknowledge: boolean;
  readonly instances: readonly StarterInstance[];
  /** Known to be there and not where: a comment each, in place of an entry. */
  readonly missing: readonly { readonly name: string; readonly why: string }[];
  readonly writer: Address;
  readonly reader: Address;
}

/** Where the password is; it is never in the file. */
export type StarterPassword =
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'none' };

export interface StarterInstance {
  readonly name: string;
  readonly address: Address;
  readonly replicationAddress: Address | null;
  readonly tier: number;
  readonly remarks: readonly string[];
}

/**
 * A configuration with comments, for a person to go on with. It loads without a word wherever the names and addresses are
 * ones that a configuration takes, and has no secret in it. What servers and people called things can be anything.
 */
export function starterConfig(plan: StarterPlan): string {
  const sections = [
    heading(plan),
    adminSection(plan),
    stateSection(plan),
    [`clusters:`, `  ${scalar(plan.cluster)}:`, `    engine: ${plan.engine}`],
    monitorSection(plan),
    tlsSection(plan),
    failoverSection(plan),
    durabilitySection(plan),
    replicationSection(plan),
    rejoinSection(plan),
    instancesSection(plan),
    endpointsSection(plan),
  ];
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

function heading({ cluster, remarks }: StarterPlan): readonly string[] {
  return [
    ...comment(
      '',
      `Aurelay’s configuration of the cluster ${cluster}, begun by \`aurelay init\`. Yours from here on.`,
    ),
    ...remarks.flatMap((remark) => ['#', ...comment('', remark)]),
    '#',
    ...comment(
      '',
      `docs/config.md explains every key. Durations have a unit (250ms, 30s, 5m). \${NAME} comes from the environment, $$ is a dollar sign: no password has to stand in here.`,
    ),
  ];
}

const adminSection = ({ admin }: StarterPlan): readonly string[] => [
  ...comment(
    '',
    'The dashboard, the HTTP API and the metrics. Whoever reaches it can start a failover: beyond this machine it needs `tls` and a `token` (docs/http.md).',
  ),
  'admin:',
  `  listen: ${address(admin)}`,
];

const stateSection = ({ stateDir }: StarterPlan): readonly string[] => [
  ...comment(
    '',
    'What has to outlive a restart: the epoch of each cluster, and which former writers are not to be trusted. The account that runs Aurelay writes there.',
  ),
  `state_dir: ${scalar(stateDir)}`,
];

function monitorSection({ engine, monitor: { user, database, password } }: StarterPlan): readonly string[] {
  return [
    ...comment(
      '    ',
      'The login that looks at the servers, promotes and repoints. docs/servers.md has the grants that it needs, and no more.',
    ),
    '    monitor:',
    `      user: ${scalar(user)}`,
    ...passwordLines(password),
    ...(engine === 'postgres' && database !== null ? [`      database: ${scalar(database)}`] : []),
  ];
}

function passwordLines(password: StarterPassword): readonly string[] {
  switch (password.kind) {
    case 'environment':
      return [
        `      password: \${${password.name}}`,
        '      # password_file: /run/secrets/aurelay # instead: a file with the password in its only line',
      ];
    case 'file':
      return [`      password_file: ${scalar(password.path)}`];
    case 'none':
      return ['      # It logs in without a password. Better: password_file: /run/secrets/aurelay'];
  }
}

function tlsSection({ serverTls }: StarterPlan): readonly string[] {
  const about = comment(
    '    ',
    'How Aurelay itself speaks to the servers, as libpq’s sslmode (docs/tls.md): disable, prefer (TLS where a server has it), require, verify-ca, verify-full.',
  );
  if (serverTls === null) {
    return [...about, '    # server_tls: { mode: verify-full, ca: /etc/aurelay/servers-ca.pem }'];
  }
  const { mode, ca } = serverTls;
  return [
    ...about,
    '    server_tls:',
    `      mode: ${mode}`,
    ...(ca === null ? [] : [`      ca: ${scalar(ca)}`]),
  ];
}

function failoverSection({ mode, whyObserve, engine }: StarterPlan): readonly string[] {
  const why = whyObserve === null ? [] : comment('      ', `Not \`automatic\`: ${whyObserve}.`);
  return [
    ...comment(
      '    ',
      'automatic: when the writer is gone, Aurelay promotes a replica and points the others at it. observe: it never changes a server and follows whoever else promotes (an operator, Patroni, a managed service). Only one may promote: never run two Aurelays in `automatic` on one cluster, nor one beside Patroni.',
    ),
    '    failover:',
    ...why,
    `      mode: ${mode}`,
    '      hold: 30s # new connections to the writer wait this long while there is none',
    ...comment(
      '      ',
      `max_loss: ${engine === 'postgres' ? '16MB' : '100'} would promote by itself nobody who is known to lack more (docs/failover.md).`,
    ),
  ];
}

function durabilitySection({ quorum, engine, instances }: StarterPlan): readonly string[] {
  const copies = Math.max(3, instances.length);
  const majority = Math.floor(copies / 2) + 1;
  if (quorum === null) {
    return comment(
      '    ',
      'A client is told of a commit when the writer has it; a writer that dies may take the last ones along. A write quorum loses none, and costs a round trip a commit (docs/durability.md).',
    ).concat(`    # durability: { copies: ${copies}, write_quorum: ${majority} }`);
  }
  const setting = engine === 'postgres' ? 'synchronous_standby_names' : 'semi-synchronous replication';
  return [
    ...comment(
      '    ',
      `The writer waits for replicas before it tells a client of a commit (${setting}), but only this one writer: after a failover nobody would see to it. With the next line Aurelay keeps the promise on every writer, and promotes only a replica that has every such commit. It needs \`mode: automatic\` and its grants; docs/durability.md.`,
    ),
    `    # durability: { copies: ${quorum.copies}, write_quorum: ${quorum.writeQuorum} }`,
  ];
}

function replicationSection({ replicationUser, engine }: StarterPlan): readonly string[] {
  const user = replicationUser ?? 'replicator';
  const text =
    engine === 'postgres'
      ? 'As whom replicas log in at a new writer. Each keeps the login that it has (in its primary_conninfo), unless you give one:'
      : 'As whom replicas log in at a new writer. Each keeps the login that it has, unless you give one. A former writer has none any more: without this it comes back with the login of `monitor`, which then needs REPLICATION SLAVE.';
  return [
    ...comment('    ', text),
    `    # replication: { user: ${scalar(user)}, password_file: /run/secrets/aurelay-replication }`,
  ];
}

const rejoinSection = ({ engine }: StarterPlan): readonly string[] => [
  ...comment(
    '    ',
    engine === 'postgres'
      ? 'A former writer gets no sessions until it replicates again. Aurelay can run a command of yours that sees to it (pg_rewind, or a fresh copy): docs/rejoin.md.'
      : 'A former writer gets no sessions until it replicates again. Aurelay sees to that by SQL where its data allows it, else it can run a command of yours (a fresh copy): docs/rejoin.md.',
  ),
  '    # rejoin_command: [/usr/local/bin/rejoin]',
];

function instancesSection({ instances, missing, namesAcknowledge }: StarterPlan): readonly string[] {
  const about =
    'The servers. promotion_tier: the lowest is promoted first, within a tier whoever has received most. zone: where a server stands, for `prefer_zone` and for a quorum over zones. weight: its share of new connections under `balance: weighted`.' +
    (namesAcknowledge
      ? ' The names are those under which the replicas acknowledge commits (application_name); a write quorum goes by them.'
      : '');
  return [
    ...comment('    ', about),
    '    instances:',
    ...instances.flatMap(instanceLines),
    ...missing.flatMap(({ name, why }) => [
      ...comment('      ', why),
      `      # ${printable(name)}:`,
      '      #   address: HOST:PORT',
    ]),
  ];
}

const instanceLines = (one: StarterInstance): readonly string[] => [
  ...one.remarks.flatMap((remark) => comment('      ', remark)),
  `      ${scalar(one.name)}:`,
  `        address: ${address(one.address)}`,
  ...(one.replicationAddress === null
    ? []
    : [`        replication_address: ${address(one.replicationAddress)} # where the other servers reach it`]),
  `        promotion_tier: ${one.tier}`,
  '        # zone: a',
];

const endpointsSection = ({ writer, reader }: StarterPlan): readonly string[] => [
  ...comment(
    '    ',
    'What applications connect to, with their own users and passwords. 0.0.0.0 in place of the host is every interface of this machine; docs/access.md says who may come in.',
  ),
  '    endpoints:',
  '      writer: # the one server that takes writes, whichever that is',
  '        type: writer',
  `        listen: ${address(writer)}`,
  '      reader: # the replicas; with none left, the writer',
  '        type: reader',
  `        listen: ${address(reader)}`,
  '        balance: least-connections',
  '        max_lag: 10s # replicas that are further behind get no new connections',
];

// ---- text ----

/** Columns of a comment's lines, the mark included. */
const widest = 100;

/** One paragraph. What servers say may hold anything: no line break and no control character gets through. */
function comment(indent: string, text: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of printable(text.replaceAll(/\s+/g, ' ').trim()).split(' ')) {
    if (line !== '' && indent.length + 2 + line.length + 1 + word.length > widest) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${indent}# ${one}`);
}

const address = (value: Address): string => scalar(formatAddress(value));

/** Words that YAML, or a person who reads it, takes for something else. */
const yamlWords = /^(null|true|false|yes|no|on|off|y|n)$/i;

/** A text that YAML reads as itself in any place, and in which nothing is a reference to the environment. */
function scalar(text: string): string {
  if (/^[A-Za-z0-9_/][A-Za-z0-9_./-]*(:\d+)?$/.test(text) && !yamlWords.test(text)) return text;
  return JSON.stringify(text.replaceAll('$', '$$$$')).replaceAll(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
