import { unreachable } from '../../base/assert.ts';
import { formatDuration } from '../../base/duration.ts';
import { formatAddress } from '../../cluster/instance.ts';
import type { ProbeFailureReason } from '../../cluster/observation.ts';
import { isLoopback } from '../../config/address.ts';
import { act, configureCluster, configureInstance, type Step } from '../fix.ts';
import { found, type InstanceRule, notApplicable, passed, type ServerRule } from '../rule.ts';
import type { InstanceSubject } from '../subject.ts';

/** What to do about a server that could not be asked, by why. */
function remedyOf(reason: ProbeFailureReason, { instance, of }: InstanceSubject): readonly Step[] {
  const { host, port } = instance.address;
  const { monitor } = of.cluster;
  switch (reason) {
    case 'refused':
      return [
        act(
          `start the server, or correct its port: nothing listens on ${formatAddress(instance.address)} for this machine (\`listen_addresses\` or \`bind_address\` may leave it out)`,
        ),
      ];
    case 'timeout':
    case 'unreachable':
      return [
        act(
          `look whether ${host} is up and lets this machine through to port ${port}: \`nc -vz ${host} ${port}\`, firewalls, \`getent hosts ${host}\``,
        ),
      ];
    case 'reset':
    case 'protocol':
      return [
        act(
          `look what listens on ${formatAddress(instance.address)}: it is no ${of.cluster.engine} server, or one that hangs up on this machine`,
        ),
      ];
    case 'denied':
      return [
        act(
          `follow the server's own words; for a login: correct \`monitor.user\` (${monitor.user}) and its password, or let it in from this machine (docs/servers.md has the account)`,
        ),
      ];
    case 'overloaded':
      return [
        act('raise `max_connections` there, end idle sessions, or reserve connections for the monitor user'),
      ];
    case 'not-ready':
    case 'not-accepting':
      return [act('wait until it has started, and look into its log where it does not; then ask again')];
    case 'query-failed':
      return [act("follow the server's own words")];
    case 'local-stall':
      return [act('this machine is out of something (open files, memory): look at it first')];
    default:
      return unreachable(reason);
  }
}

export const reachRules: readonly InstanceRule[] = [
  {
    id: 'unreachable',
    severity: 'error',
    scope: 'instance',
    expects: 'the server can be reached, lets the monitor user in and answers what health checks ask',
    why: 'Aurelay gives it no sessions and does not promote it; nothing else about it could be checked.',
    remedy: 'as the reason says: start it, open the network, correct address, login or TLS',
    look: (subject) => {
      const { survey } = subject;
      if (survey.kind === 'answered') return passed;
      const { reason, detail } = survey.failure;
      return found(`${detail} (${reason})`, ...remedyOf(reason, subject));
    },
  },
  {
    id: 'several-addresses',
    severity: 'warning',
    scope: 'instance',
    expects: 'the host of the address resolves to one server',
    why: 'Probes and sessions may reach different servers behind one name, so that what is known of one is done to another.',
    remedy:
      'give each server a name of its own, or its address; a name with one IPv4 and one IPv6 address of the same server is fine',
    look: ({ resolved, instance, of }) => {
      if (resolved.length === 0) return notApplicable;
      const families = [
        resolved.filter((one) => !one.includes(':')),
        resolved.filter((one) => one.includes(':')),
      ];
      // `localhost`, and a host with an address of each family, are one machine.
      if (families.every((family) => family.length <= 1)) return passed;
      return found(
        `${instance.address.host} resolves to ${resolved.join(', ')}`,
        configureInstance(
          of.cluster.id,
          instance.id,
          `address: ${formatAddress({ ...instance.address, host: resolved[0] ?? '' })}`,
        ),
      );
    },
  },
];

const slowShare = 0.5;

export const healthRules: readonly ServerRule[] = [
  {
    id: 'answers-too-late',
    severity: 'error',
    scope: 'server',
    expects: 'a health check is answered within `health.timeout`',
    why: 'Health checks of this server fail though it lives, and `fall` of them in a row cause a failover.',
    remedy: 'a longer `health.timeout`, or find out what makes server or network slow',
    look: ({ facts, of }) => {
      const { timeoutMs } = of.cluster.health;
      if (facts.latencyMs < timeoutMs) return passed;
      return found(
        `it answered after ${formatDuration(facts.latencyMs)}, and health.timeout is ${formatDuration(timeoutMs)}`,
        configureCluster(
          of.cluster.id,
          `health: { timeout: ${formatDuration(Math.ceil((facts.latencyMs * 4) / 1000) * 1000)} }`,
        ),
      );
    },
  },
  {
    id: 'answers-late',
    severity: 'warning',
    scope: 'server',
    expects: 'a health check takes no more than half of `health.timeout`',
    why: 'A little more load or a busier network, and health checks fail on a server that lives.',
    remedy: 'a longer `health.timeout`, or find out what makes server or network slow',
    look: ({ facts, of }) => {
      const { timeoutMs } = of.cluster.health;
      if (facts.latencyMs >= timeoutMs) return notApplicable;
      if (facts.latencyMs <= timeoutMs * slowShare) return passed;
      return found(
        `it answered after ${formatDuration(facts.latencyMs)}, and health.timeout is ${formatDuration(timeoutMs)}`,
        configureCluster(
          of.cluster.id,
          `health: { timeout: ${formatDuration(Math.ceil((facts.latencyMs * 4) / 1000) * 1000)} }`,
        ),
      );
    },
  },
  {
    id: 'unencrypted',
    severity: 'warning',
    scope: 'server',
    expects: 'what Aurelay says to a server on another machine is encrypted',
    why: 'The monitor user may promote and repoint servers, and its password could be read on the way.',
    remedy: 'enable TLS on the server, and `server_tls: { mode: verify-full, ca: … }` (docs/tls.md)',
    look: ({ facts, of, instance }) => {
      const { host } = instance.address;
      if (isLoopback(host) || host.startsWith('/')) return notApplicable;
      if (facts.tls !== null) return passed;
      return found(
        of.cluster.serverTls.mode === 'disable'
          ? '`server_tls.mode` is `disable`, and the server is on another machine'
          : 'the server offers no TLS, and is on another machine',
        act(
          'enable TLS on the server (PostgreSQL: `ssl = on` with `ssl_cert_file` and `ssl_key_file`; MySQL: `ssl_cert`, `ssl_key`)',
        ),
        configureCluster(of.cluster.id, 'server_tls: { mode: verify-full, ca: servers-ca.pem }'),
      );
    },
  },
  {
    id: 'unverified',
    severity: 'advice',
    scope: 'server',
    expects: 'the certificate of a server on another machine is verified',
    why: 'Who can change what is on the network can pose as the server, and learn the monitor password.',
    remedy: '`server_tls: { mode: verify-full, ca: … }`',
    look: ({ facts, of, instance }) => {
      const { mode } = of.cluster.serverTls;
      if (facts.tls === null || isLoopback(instance.address.host)) return notApplicable;
      if (mode === 'verify-full' || mode === 'verify-ca') return passed;
      const { nameFault, names } = facts.tls;
      const name =
        nameFault === null ? '' : `; its certificate is for ${names || 'no name'}, so ${nameFault}`;
      return found(
        `\`server_tls.mode\` is \`${mode}\`${name}`,
        configureCluster(of.cluster.id, 'server_tls: { mode: verify-full, ca: servers-ca.pem }'),
      );
    },
  },
];
