import { formatAddress } from '../../cluster/instance.ts';
import { act, configure } from '../fix.ts';
import { found, type MachineRule, notApplicable, passed, type Verdict } from '../rule.ts';
import type { ListenerFacts, MachineSubject } from '../subject.ts';
import { untilText } from './days.ts';

const leastFreeBytes = 64 * 1024 * 1024;
const dayMs = 24 * 3_600_000;
const soonDays = 14;
const plannedDays = 30;

const named = ({ what, cluster, address }: ListenerFacts): string =>
  `${what}${cluster === null ? '' : ` of cluster ${cluster}`} (${formatAddress(address)})`;

const listeners = (
  { listeners }: MachineSubject,
  wrong: (listener: ListenerFacts) => Verdict | null,
): readonly Verdict[] => listeners.map((listener) => wrong(listener) ?? passed);

const expiring =
  (from: number, to: number) =>
  ({ certificates, now }: MachineSubject): readonly Verdict[] =>
    certificates.map(({ file, cluster, what, expiresAt }) => {
      const days = (expiresAt - now) / dayMs;
      if (days < from || days >= to) return passed;
      const whose = `${what}${cluster === null ? '' : ` of cluster ${cluster}`}`;
      return found(
        `${file} (${whose}) ${untilText(expiresAt, now)}`,
        act(
          `put a new certificate, and its key, in the place of ${file}: a running Aurelay takes it up by itself`,
        ),
      );
    });

export const machineRules: readonly MachineRule[] = [
  {
    id: 'listen-taken',
    severity: 'error',
    scope: 'machine',
    expects: 'each listener is free, or held by the Aurelay that runs with this configuration',
    why: 'Aurelay cannot start, or answers its clients nowhere, while another program has the port.',
    remedy: 'stop the other program (`ss -ltnp` names it), or give another port in `listen`',
    look: (subject) =>
      listeners(subject, (listener) =>
        listener.state === 'taken'
          ? found(
              `another program listens where ${named(listener)} should`,
              act(
                `find it with \`ss -ltnp 'sport = :${listener.address.port}'\` and stop it, or change \`listen\``,
              ),
            )
          : null,
      ),
  },
  {
    id: 'listen-not-here',
    severity: 'error',
    scope: 'machine',
    expects: 'each listener is on an address of this machine',
    why: 'Nothing can listen on an address that is not there.',
    remedy:
      '`0.0.0.0` for every interface, or an address that `ip address` shows; a floating address needs `net.ipv4.ip_nonlocal_bind`',
    look: (subject) =>
      listeners(subject, (listener) =>
        listener.state === 'not-here' || listener.state === 'unknown-host'
          ? found(
              `${named(listener)} ${listener.state === 'not-here' ? 'is on no address of this machine' : 'has a host that does not resolve'}`,
              act(
                `\`listen: 0.0.0.0:${listener.address.port}\` for every interface, or an address that \`ip address\` shows`,
              ),
            )
          : null,
      ),
  },
  {
    id: 'listen-not-allowed',
    severity: 'error',
    scope: 'machine',
    expects: 'this user may listen on each port',
    why: 'Ports below 1024 need a capability that this user does not have, so Aurelay would not start as this user.',
    remedy: '`AmbientCapabilities=CAP_NET_BIND_SERVICE` in the systemd unit, or a port from 1024 on',
    look: (subject) =>
      listeners(subject, (listener) =>
        listener.state === 'not-allowed'
          ? found(
              `this user may not listen where ${named(listener)} should`,
              act(
                'run Aurelay with CAP_NET_BIND_SERVICE (systemd: `AmbientCapabilities=CAP_NET_BIND_SERVICE`), or give a port from 1024 on',
              ),
            )
          : null,
      ),
  },
  {
    id: 'state-dir-unwritable',
    severity: 'error',
    scope: 'machine',
    expects: '`state_dir` can be written to',
    why: 'Before anything is promoted the new epoch has to be on disk: without it there is no failover.',
    remedy: 'make the folder and give it to the account that Aurelay runs as',
    look: ({ stateDir }) => {
      if (stateDir === null) return notApplicable;
      if (stateDir.trouble === null) return passed;
      const { path } = stateDir;
      return found(
        `${path} ${stateDir.trouble}`,
        act(`\`mkdir -p ${path} && chown aurelay ${path}\`, with the account that Aurelay runs as`),
      );
    },
  },
  {
    id: 'state-dir-passing',
    severity: 'warning',
    scope: 'machine',
    expects: '`state_dir` is on a disk that outlives a restart of the machine',
    why: 'After a restart Aurelay would have forgotten which server was deposed, and could take it for a writer again.',
    remedy: 'a folder on a disk (in a container: a volume)',
    look: ({ stateDir }) => {
      if (stateDir === null || stateDir.trouble !== null) return notApplicable;
      if (stateDir.passing === null) return passed;
      return found(
        `${stateDir.path} is on ${stateDir.passing}, which does not last`,
        configure('state_dir: /var/lib/aurelay'),
      );
    },
  },
  {
    id: 'state-dir-full',
    severity: 'warning',
    scope: 'machine',
    expects: `the disk of \`state_dir\` has ${leastFreeBytes / 1024 / 1024} MB left`,
    why: 'A failover begins with writing the new epoch down: on a full disk it waits.',
    remedy: 'make room there',
    look: ({ stateDir }) => {
      if (stateDir === null || stateDir.trouble !== null || stateDir.freeBytes === null) return notApplicable;
      if (stateDir.freeBytes >= leastFreeBytes) return passed;
      const left = Math.floor(stateDir.freeBytes / 1024 / 1024);
      return found(`${stateDir.path} has ${left} MB left`, act(`make room on the disk of ${stateDir.path}`));
    },
  },
  {
    id: 'open-files-low',
    severity: 'warning',
    scope: 'machine',
    expects: 'a process may open as many files as the sessions of all endpoints need',
    why: 'Beyond the limit Aurelay can accept nobody and look at no server.',
    remedy:
      '`LimitNOFILE=` in the systemd unit, `ulimit -n` in a shell, or a lower `max_sessions` on endpoints',
    look: ({ openFiles: { allowed, needed }, isRunning }) => {
      // What this shell may says nothing of a service that runs already.
      if (allowed === null || isRunning) return notApplicable;
      if (allowed >= needed) return passed;
      return found(
        `a process of this shell may open ${allowed} files; ${needed} are needed once every endpoint has its max_sessions`,
        act(
          `start it with \`ulimit -n ${needed}\`, under systemd \`LimitNOFILE=${needed}\`, or lower max_sessions`,
        ),
      );
    },
  },
  {
    id: 'certificate-expired',
    severity: 'error',
    scope: 'machine',
    expects: 'no certificate file of the configuration has expired',
    why: 'Whoever checks it refuses the connection.',
    remedy: 'renew it; a running Aurelay reads the new file by itself',
    look: expiring(Number.NEGATIVE_INFINITY, 0),
  },
  {
    id: 'certificate-expires-soon',
    severity: 'warning',
    scope: 'machine',
    expects: `every certificate file of the configuration is good for ${soonDays} days`,
    why: 'Whoever checks it refuses the connection from that day on.',
    remedy: 'renew it; a running Aurelay reads the new file by itself',
    look: expiring(0, soonDays),
  },
  {
    id: 'certificate-expires',
    severity: 'advice',
    scope: 'machine',
    expects: `every certificate file of the configuration is good for ${plannedDays} days`,
    why: 'It is time to plan its renewal.',
    remedy: 'renew it; a running Aurelay reads the new file by itself',
    look: expiring(soonDays, plannedDays),
  },
];
